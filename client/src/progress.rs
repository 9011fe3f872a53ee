//! A bar on standard error while model files are on their way.

use cairn_artifacts::{NoProgress, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;

/// What a push or pull reports to: a bar, or nothing where nobody watches.
pub(crate) fn bar(message: &'static str, shown: bool) -> Arc<dyn Progress> {
    if shown {
        Arc::new(Bar::new(message))
    } else {
        Arc::new(NoProgress)
    }
}

struct Bar(ProgressBar);

impl Bar {
    fn new(message: &'static str) -> Self {
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        )
        .expect("the template is a constant and well formed")
        .progress_chars("=> ");
        // Hidden until the size is known: an empty bar says nothing.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self(bar.with_style(style).with_message(message))
    }
}

impl Progress for Bar {
    fn start(&self, total_bytes: u64) {
        self.0.set_length(total_bytes);
        self.0.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    /// After an error nobody finishes the bar, and the message should stand alone.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_counts_what_is_done() {
        let bar = Bar::new("sending");
        bar.0.set_length(10);
        bar.advance(4);
        bar.advance(6);
        assert_eq!((bar.0.position(), bar.0.length()), (10, Some(10)));
        bar.finish();
        assert!(bar.0.is_finished());
    }
}
