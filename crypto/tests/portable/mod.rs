//! The library chooses its code by processor: with AVX2, or portable. Validators with different processors must agree,
//! so the vectors are run through both.

use std::env;
use std::process::Command;

/// Runs this program's Wycheproof tests again, in a process whose cryptographic library finds no vector instructions
/// beyond those of every x86-64 processor. On other processors it finds what it always does.
pub(crate) fn assert_vectors_pass_without_avx2(tests: usize) {
    let output = Command::new(env::current_exe().unwrap())
        .arg("every_wycheproof")
        // AWS-LC: leave the first pair of CPUID words, clear the second, where AVX2 and its successors are.
        .env("OPENSSL_ia32cap", "~0:~0xffffffffffffffff")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{tests} passed")), "{text}");
}
