//! Keys that the OpenSSF tool's own library makes, and the tool itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cairn_artifacts::oms::{ECDSA_FILE, EcdsaPublicKey, EcdsaSigner};

/// Makes `private.pem` and `public.pem` with the library that the tool uses.
const MAKE_KEYS: &str = r"
import sys
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
curve, form, folder = sys.argv[1:]
key = ec.generate_private_key(getattr(ec, curve)())
form = getattr(s.PrivateFormat, form)
open(folder + '/private.pem', 'wb').write(key.private_bytes(s.Encoding.PEM, form, s.NoEncryption()))
public = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
open(folder + '/public.pem', 'wb').write(public)
";

/// A key pair in a folder of its own.
pub struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    pub fn make(tool: &Path, curve: &str, form: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(tool.with_file_name("python"))
            .args(["-c", MAKE_KEYS, curve, form])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Self { folder }
    }

    pub fn private(&self) -> EcdsaSigner {
        let pem = fs::read(self.private_path()).unwrap();
        EcdsaSigner::from_pem(&pem).unwrap()
    }

    pub fn private_path(&self) -> PathBuf {
        self.folder.path().join("private.pem")
    }

    pub fn public_path(&self) -> PathBuf {
        self.folder.path().join("public.pem")
    }

    pub fn public(&self) -> EcdsaPublicKey {
        EcdsaPublicKey::from_pem(&fs::read(self.public_path()).unwrap()).unwrap()
    }
}

/// What the tool says about a folder with its `model.sig`.
pub fn tool_verify(tool: &Path, model: &Path, keys: &Keys) -> Output {
    Command::new(tool)
        .args(["verify", "key", "--signature"])
        .arg(model.join(ECDSA_FILE))
        .arg("--public_key")
        .arg(keys.public_path())
        .arg(model)
        .output()
        .unwrap()
}
