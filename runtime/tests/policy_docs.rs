//! The table of roles in `docs/roles.md` is the one in `policy.rs`.

#![allow(clippy::unwrap_used)]

const BEGIN: &str = "<!-- policy table: begin -->\n";
const END: &str = "<!-- policy table: end -->";

#[test]
fn the_documentation_has_the_table_that_the_ledger_enforces() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/roles.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(BEGIN).unwrap();
    let (table, _) = rest.split_once(END).unwrap();
    let expected = cairn_runtime::policy::markdown();
    assert_eq!(
        table, expected,
        "docs/roles.md is out of date: put this table between its markers:\n{expected}"
    );
}
