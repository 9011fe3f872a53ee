//! Paths inside a package: which ones are allowed, and their order.
//!
//! A package is made by strangers and written to a reader's disk, so a path may only name
//! something below the target: relative, `/`-separated, UTF-8, without `.` and `..`. It may not make
//! the target a git repository either, whose hooks would run at the reader's next command.

use std::cmp::Ordering;
use std::fmt;

use crate::error::PackageError;
use crate::scan::SIGNATURE_FILES;

/// Most bytes of a path.
pub const MAX_PATH: usize = 1024;
/// Most bytes of one component of a path, the limit of common file systems.
pub const MAX_COMPONENT: usize = 255;
/// Most components of a path.
pub const MAX_DEPTH: usize = 64;

/// The rule that a path breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// It begins with `/`.
    Absolute,
    /// It is empty, or has an empty component (`a//b`, `a/`).
    EmptyComponent,
    /// A component is `.` or `..`.
    DotComponent,
    /// It has a NUL, another control character or a backslash, which mean something else to
    /// a terminal or another file system.
    ForbiddenCharacter,
    /// It is longer than [`MAX_PATH`] bytes.
    TooLong,
    /// A component is longer than [`MAX_COMPONENT`] bytes.
    ComponentTooLong,
    /// It has more than [`MAX_DEPTH`] components.
    TooDeep,
    /// The manifest has it twice.
    Duplicate,
    /// It does not stand in its place in the order.
    OutOfOrder,
    /// Another file has the name of one of its folders.
    InsideAFile,
    /// It begins with `.git`, or has a component `.git`, in whatever case: git takes such a folder
    /// for a repository, and runs the hooks that it finds there.
    Git,
    /// It is one of the [`SIGNATURE_FILES`], which sign the model and are no
    /// part of it.
    SignatureFile,
}

impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute => f.write_str("it is absolute"),
            Self::EmptyComponent => f.write_str("it is empty or has an empty component"),
            Self::DotComponent => f.write_str("it has a component `.` or `..`"),
            Self::ForbiddenCharacter => f.write_str("it has a control character or a backslash"),
            Self::TooLong => write!(f, "it is longer than {MAX_PATH} bytes"),
            Self::ComponentTooLong => {
                write!(f, "it has a component longer than {MAX_COMPONENT} bytes")
            }
            Self::TooDeep => write!(f, "it has more than {MAX_DEPTH} components"),
            Self::Duplicate => f.write_str("it is there twice"),
            Self::OutOfOrder => f.write_str("it is not in its place in the order"),
            Self::InsideAFile => f.write_str("one of its folders is also a file"),
            Self::Git => f.write_str("it belongs to a git repository; leave that out of the model"),
            Self::SignatureFile => f.write_str("it is a signature of the model"),
        }
    }
}

/// Checks one path.
///
/// # Errors
/// [`PackageError::Path`] with the first rule that it breaks.
pub fn check(path: &str) -> Result<(), PackageError> {
    match broken_rule(path) {
        Some(rule) => Err(fault(path, rule)),
        None => Ok(()),
    }
}

/// Compares two paths component by component, each by its bytes: `a/b` stands before `a.txt`.
/// This is the order of the OpenSSF Model Signing tool.
#[must_use]
pub fn order(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

/// Checks a whole list: each path, the order, duplicates, and that no file is also a folder.
///
/// # Errors
/// [`PackageError::Path`] naming the first path at fault.
pub fn check_all<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), PackageError> {
    let mut previous: Option<&str> = None;
    for path in paths {
        check(path)?;
        if let Some(before) = previous {
            match order(before, path) {
                Ordering::Less => {}
                Ordering::Equal => return Err(fault(path, PathRule::Duplicate)),
                Ordering::Greater => return Err(fault(path, PathRule::OutOfOrder)),
            }
            // In component order whatever is inside `a` follows `a` directly.
            let inside = path.strip_prefix(before);
            if inside.is_some_and(|rest| rest.starts_with('/')) {
                return Err(fault(path, PathRule::InsideAFile));
            }
        }
        previous = Some(path);
    }
    Ok(())
}

fn fault(path: &str, rule: PathRule) -> PackageError {
    PackageError::Path {
        path: path.to_owned(),
        rule,
    }
}

fn broken_rule(path: &str) -> Option<PathRule> {
    if path.starts_with('/') {
        return Some(PathRule::Absolute);
    }
    if path.len() > MAX_PATH {
        return Some(PathRule::TooLong);
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Some(PathRule::ForbiddenCharacter);
    }
    let mut depth = 0;
    for component in path.split('/') {
        depth += 1;
        match component {
            "" => return Some(PathRule::EmptyComponent),
            "." | ".." => return Some(PathRule::DotComponent),
            _ if component.len() > MAX_COMPONENT => return Some(PathRule::ComponentTooLong),
            _ => {}
        }
    }
    if depth > MAX_DEPTH {
        return Some(PathRule::TooDeep);
    }
    left_out(path)
}

/// The rule by which a path is no part of a model although it could be written to a disk.
fn left_out(path: &str) -> Option<PathRule> {
    let mut components = path.split('/');
    let first = components.next().unwrap_or_default();
    if is_top_level_git(first) || components.any(is_git) {
        return Some(PathRule::Git);
    }
    SIGNATURE_FILES
        .contains(&first)
        .then_some(PathRule::SignatureFile)
}

/// Whether a name at the top level of a folder is left out when the folder is read.
pub(crate) fn is_left_out(name: &str) -> bool {
    left_out(name).is_some()
}

/// Disks that ignore case are common, so `.GIT` is `.git`.
fn is_top_level_git(name: &str) -> bool {
    (name.as_bytes().get(..GIT.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(GIT.as_bytes()))
}

/// Some file systems drop spaces and dots at the end of a name.
fn is_git(name: &str) -> bool {
    name.trim_end_matches([' ', '.']).eq_ignore_ascii_case(GIT)
}

const GIT: &str = ".git";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_rule_refuses_its_path() {
        let long = "x".repeat(MAX_COMPONENT + 1);
        let longer = "x/".repeat(MAX_PATH);
        let deep = vec!["d"; MAX_DEPTH + 1].join("/");
        let table = [
            ("", PathRule::EmptyComponent),
            ("/etc/passwd", PathRule::Absolute),
            ("a//b", PathRule::EmptyComponent),
            ("a/", PathRule::EmptyComponent),
            ("..", PathRule::DotComponent),
            ("a/../../b", PathRule::DotComponent),
            ("./a", PathRule::DotComponent),
            ("a\\..\\b", PathRule::ForbiddenCharacter),
            ("a\0b", PathRule::ForbiddenCharacter),
            ("a\nb", PathRule::ForbiddenCharacter),
            (long.as_str(), PathRule::ComponentTooLong),
            (longer.as_str(), PathRule::TooLong),
            (deep.as_str(), PathRule::TooDeep),
            (".git/hooks/post-checkout", PathRule::Git),
            (".GIT/config", PathRule::Git),
            (".gitattributes", PathRule::Git),
            (".Github/workflows/x.yml", PathRule::Git),
            ("a/.git", PathRule::Git),
            ("a/b/.giT/config", PathRule::Git),
            ("a/.git. ./config", PathRule::Git),
            ("model.sig", PathRule::SignatureFile),
            ("model.mldsa.dsse.json", PathRule::SignatureFile),
            ("model.sig/x", PathRule::SignatureFile),
        ];
        for (path, rule) in table {
            assert_eq!(broken_rule(path), Some(rule), "{path:?}");
        }
    }

    #[test]
    fn ordinary_hidden_and_unicode_paths_pass() {
        for path in [
            "a",
            "a/b.txt",
            ".hidden",
            "...",
            "a..b/c",
            "modèle/重み.bin",
            "a b",
            "a/.gitkeep",
            ".gi",
            "x.git",
            "a/model.sig",
        ] {
            check(path).unwrap();
        }
    }

    #[test]
    fn order_is_by_component() {
        let mut paths = vec!["a.txt", "a/b", "b", "a/b/c", "a-b/c"];
        paths.sort_by(|a, b| order(a, b));
        assert_eq!(paths, ["a/b", "a/b/c", "a-b/c", "a.txt", "b"]);
    }

    #[test]
    fn lists_refuse_duplicates_disorder_and_files_used_as_folders() {
        let rule = |paths: &[&'static str]| match check_all(paths.iter().copied()) {
            Err(PackageError::Path { rule, .. }) => Some(rule),
            _ => None,
        };
        assert_eq!(rule(&["a", "b"]), None);
        assert_eq!(rule(&["a", "a"]), Some(PathRule::Duplicate));
        assert_eq!(rule(&["b", "a"]), Some(PathRule::OutOfOrder));
        assert_eq!(rule(&["a", "a/b"]), Some(PathRule::InsideAFile));
        assert_eq!(rule(&["a", "a/b/c"]), Some(PathRule::InsideAFile));
        assert_eq!(rule(&["a", "ab/c"]), None);
    }
}
