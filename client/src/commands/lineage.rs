//! `cairn lineage`.

use super::{Context, values};
use crate::exit::Failure;
use cairn_api::{Direction, LineageView};
use cairn_client::Reference;
use cairn_runtime::VersionId;
use cairn_runtime::query::LineageEdge;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Whose lineage, which way, and how it is drawn.
#[derive(Debug, Args)]
pub(crate) struct LineageArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Only what it derives from
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Only what derives from it
    #[arg(long)]
    down: bool,
    /// Most steps away, at most 64
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How a lineage is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Trees for people
    Text,
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
    /// JSON
    Json,
}

#[derive(Serialize)]
struct Lineage {
    version: String,
    height: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<LineageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<LineageView>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &LineageArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let mut lineage = Lineage {
        version: id.to_string(),
        height: 0,
        up: None,
        down: None,
    };
    if !arguments.down {
        let answer = client.lineage(&id, Direction::Up, arguments.depth).await?;
        (lineage.height, lineage.up) = (answer.height, Some(answer.data));
    }
    if !arguments.up {
        let answer = client
            .lineage(&id, Direction::Down, arguments.depth)
            .await?;
        (lineage.height, lineage.down) = (answer.height, Some(answer.data));
    }
    match arguments.format {
        Format::Json => context.output().json(&lineage),
        format => context.output().result(&lineage, || match format {
            Format::Dot => dot(&lineage),
            Format::Mermaid => mermaid(&lineage),
            Format::Text | Format::Json => trees(&id, &lineage),
        }),
    }
}

impl Lineage {
    fn edges(&self) -> impl Iterator<Item = &LineageEdge> {
        let views = self.up.iter().chain(&self.down);
        views.flat_map(|view| &view.edges)
    }

    fn is_complete(&self) -> bool {
        let mut views = self.up.iter().chain(&self.down);
        views.all(|view| view.complete)
    }
}

/// The parent of an edge: a version, or a dataset by its digest.
fn parent(edge: &LineageEdge) -> String {
    match &edge.parent {
        Some(id) => id.to_string(),
        None => edge.digest.reference(),
    }
}

fn trees(id: &VersionId, lineage: &Lineage) -> String {
    let mut text = format!("{id}\n");
    if let Some(view) = &lineage.up {
        let next = |at: &str| {
            let own = view
                .edges
                .iter()
                .filter(|edge| edge.child.to_string() == at);
            own.map(|edge| (parent(edge), edge)).collect()
        };
        text.push_str("derives from:\n");
        branch(&mut text, &id.to_string(), 1, &mut BTreeSet::new(), &next);
    }
    if let Some(view) = &lineage.down {
        let next = |at: &str| {
            let own = view.edges.iter().filter(|edge| parent(edge) == at);
            own.map(|edge| (edge.child.to_string(), edge)).collect()
        };
        text.push_str("from it derive:\n");
        branch(&mut text, &id.to_string(), 1, &mut BTreeSet::new(), &next);
    }
    if !lineage.is_complete() {
        text.push_str("there is more: ask from one of these on, or with a greater --depth\n");
    }
    text
}

/// What hangs on a version, each version's own branch once.
fn branch<'a>(
    text: &mut String,
    at: &str,
    depth: usize,
    seen: &mut BTreeSet<String>,
    next: &impl Fn(&str) -> Vec<(String, &'a LineageEdge)>,
) {
    let edges = next(at);
    if edges.is_empty() && depth == 1 {
        text.push_str("  nothing\n");
    }
    for (name, edge) in edges {
        let relation = values::word_of(&edge.relation);
        let again = if seen.insert(name.clone()) {
            ""
        } else {
            ", see above"
        };
        let _infallible = writeln!(text, "{}{name} ({relation}{again})", "  ".repeat(depth));
        if again.is_empty() {
            branch(text, &name, depth + 1, seen, next);
        }
    }
}

/// All edges once, as child, relation, parent.
fn arrows(lineage: &Lineage) -> BTreeSet<(String, String, String)> {
    let arrow = |edge: &LineageEdge| {
        (
            edge.child.to_string(),
            values::word_of(&edge.relation),
            parent(edge),
        )
    };
    lineage.edges().map(arrow).collect()
}

// Names of versions and digests have no character that either language treats specially inside quotes.

fn dot(lineage: &Lineage) -> String {
    let mut text = "digraph lineage {\n  rankdir=BT;\n".to_owned();
    let _infallible = writeln!(text, "  \"{}\" [style=bold];", lineage.version);
    for (child, relation, parent) in arrows(lineage) {
        let _infallible = writeln!(
            text,
            "  \"{child}\" -> \"{parent}\" [label=\"{relation}\"];"
        );
    }
    text.push_str("}\n");
    text
}

fn mermaid(lineage: &Lineage) -> String {
    let arrows = arrows(lineage);
    let ends = arrows
        .iter()
        .flat_map(|(child, _, parent)| [child.clone(), parent.clone()]);
    let names: BTreeSet<String> = ends.chain([lineage.version.clone()]).collect();
    let place = |name: &String| names.iter().position(|known| known == name).unwrap_or(0);
    let mut text = "graph BT\n".to_owned();
    for (index, name) in names.iter().enumerate() {
        let _infallible = writeln!(text, "  v{index}[\"{name}\"]");
    }
    for (child, relation, parent) in &arrows {
        let (child, parent) = (place(child), place(parent));
        let _infallible = writeln!(text, "  v{child} -->|{relation}| v{parent}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::Relation;

    fn id(text: &str) -> VersionId {
        text.parse().unwrap()
    }

    fn edge(child: &str, relation: Relation, parent: Option<&str>, depth: u32) -> LineageEdge {
        LineageEdge {
            child: id(child),
            relation,
            digest: Digest::ZERO,
            parent: parent.map(id),
            depth,
        }
    }

    fn lineage() -> Lineage {
        let view = |direction, edges| LineageView {
            version: id("a/tuned@1.0.0"),
            direction,
            edges,
            complete: true,
        };
        Lineage {
            version: "a/tuned@1.0.0".to_owned(),
            height: 7,
            up: Some(view(
                Direction::Up,
                vec![
                    edge(
                        "a/tuned@1.0.0",
                        Relation::FineTuned,
                        Some("a/base@1.0.0"),
                        1,
                    ),
                    edge("a/base@1.0.0", Relation::TrainedOn, None, 2),
                ],
            )),
            down: Some(view(
                Direction::Down,
                vec![edge(
                    "b/small@2.0.0",
                    Relation::Quantized,
                    Some("a/tuned@1.0.0"),
                    1,
                )],
            )),
        }
    }

    #[test]
    fn each_format_has_every_edge() {
        let zero = Digest::ZERO.reference();
        let (tuned, lineage) = (id("a/tuned@1.0.0"), lineage());
        assert_eq!(
            trees(&tuned, &lineage),
            format!(
                "a/tuned@1.0.0\nderives from:\n  a/base@1.0.0 (fine_tuned)\n    {zero} (trained_on)\n\
                 from it derive:\n  b/small@2.0.0 (quantized)\n"
            )
        );
        let dot = dot(&lineage);
        assert!(dot.contains("\"a/tuned@1.0.0\" -> \"a/base@1.0.0\" [label=\"fine_tuned\"];"));
        assert!(dot.contains("\"b/small@2.0.0\" -> \"a/tuned@1.0.0\" [label=\"quantized\"];"));
        assert_eq!(dot.matches("->").count(), 3);
        let mermaid = mermaid(&lineage);
        assert!(mermaid.contains("v1 -->|fine_tuned| v0"), "{mermaid}");
        assert_eq!(mermaid.matches("-->").count(), 3);
    }

    #[test]
    fn what_derives_from_nothing_says_so_and_a_part_is_not_taken_for_all() {
        let mut lineage = lineage();
        lineage.down = None;
        let up = lineage.up.as_mut().unwrap();
        up.edges.clear();
        up.complete = false;
        let text = trees(&id("a/tuned@1.0.0"), &lineage);
        assert!(
            text.contains("  nothing\n") && text.contains("there is more"),
            "{text}"
        );
    }
}
