//! Says nothing any more from some time on.

use super::{Audience, Behaviour, Scene};
use crate::random::Random;
use cairn_consensus::Message;

/// See the module.
#[derive(Debug)]
pub(super) struct Silent {
    after: u64,
    began: Option<u64>,
}

impl Silent {
    /// Silent at once or after up to twenty seconds.
    pub(super) fn new(random: &mut Random) -> Self {
        let after = if random.chance(300) {
            0
        } else {
            random.between(0, 20_000)
        };
        Self { after, began: None }
    }
}

impl Behaviour for Silent {
    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        let began = *self.began.get_or_insert(scene.now);
        if scene.now - began < self.after {
            scene.send(to, message);
        }
    }
}
