//! Real tools and servers, installed by `scripts/services`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The executable of a service. A service that cannot be installed fails the test.
pub fn executable(service: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
    let output = Command::new(&script)
        .arg(service)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "scripts/services {service}: {stdout}{stderr}"
    );
    let path = stdout.lines().next_back().unwrap_or_default().trim();
    assert!(Path::new(path).is_file(), "{service}: {stdout}{stderr}");
    PathBuf::from(path)
}
