//! `cairn key`.

use super::{Context, FinalView, account};
use crate::exit::Failure;
use crate::output::Fields;
use crate::passphrase;
use cairn_client::Session;
use cairn_crypto::AccountKeys;
use cairn_crypto::keyfile::{self, KeyFileError, KeyMaterial};
use cairn_runtime::{AccountId, Operation};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How many blocks ahead a revocation begins where no height is given: it must lie above the block that it is in.
const REVOKED_AFTER: u64 = 20;

/// What to do with keys of accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Replace the keys of the account of --key: new ones go into a file beside it, the old file stays. Data keys of
    /// models that the account may read are sealed to the new keys
    Rotate(RotateArgs),
    /// End the validity of a key (one's own, or as Admin)
    Revoke(RevokeArgs),
}

/// Where the new keys go.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The new key file; NAME.INDEX.key beside NAME.key where it is not given. One that is there
    /// already, of a rotation that was broken off, is used
    #[arg(long, short, value_name = "KEYFILE")]
    output: Option<PathBuf>,
}

/// Which key, and from when on.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Index of the key, from 0
    #[arg(value_name = "INDEX")]
    index: u32,
    /// Whose; that of --key where it is not given
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
    /// First height at which the key no longer signs; 20 blocks from now where it is not given
    #[arg(long, value_name = "HEIGHT")]
    from_height: Option<u64>,
}

/// Runs the command.
pub(crate) async fn run(command: KeyCommand, context: &Context) -> Result<(), Failure> {
    match command {
        KeyCommand::Rotate(arguments) => rotate(arguments, context).await,
        KeyCommand::Revoke(arguments) => revoke(&arguments, context).await,
    }
}

#[derive(Serialize)]
struct Rotated {
    account: AccountId,
    key_index: u32,
    key_file: PathBuf,
    former_key_file: PathBuf,
    resealed: Vec<String>,
    #[serde(flatten)]
    transaction: FinalView,
}

async fn rotate(arguments: RotateArgs, context: &Context) -> Result<(), Failure> {
    let former = context.settings.key()?.to_owned();
    let session = context.session().await?;
    // Before anything is written: whether these keys can be replaced.
    let next = session.next_key_index().await?;
    let path = arguments.output.unwrap_or_else(|| beside(&former, next));
    let keys = kept(context, &path)?;
    let (key_index, done) = session.rotate_keys(&keys).await?;
    let resealed = reseal(&session.with_next_keys(keys), context).await;
    let rotated = Rotated {
        account: session.account(),
        resealed,
        key_index,
        key_file: path,
        former_key_file: former,
        transaction: done.into(),
    };
    context.output().result(&rotated, || {
        let mut text = rotated.transaction.text(&format!(
            "account {} has key {key_index} from the next block on",
            rotated.account
        ));
        let files = Fields::new()
            .add("key file", rotated.key_file.display())
            .add(
                "former",
                format!(
                    "{} (keep it: a data key that the nodes did not name is still sealed to it)",
                    rotated.former_key_file.display()
                ),
            )
            .add("data keys moved", rotated.resealed.len());
        text.push_str(&files.render());
        text
    })
}

/// The rotation is final whatever comes of this, and it can be done again.
async fn reseal(renewed: &Session, context: &Context) -> Vec<String> {
    match renewed.reseal_all().await {
        Ok(resealed) => {
            for id in &resealed.locked {
                let note = format!("{id} is sealed to a key that is not here");
                context.output().note(&note);
            }
            for (id, reason) in &resealed.failed {
                context.output().note(&format!("{id}: {reason}"));
            }
            resealed.moved.iter().map(ToString::to_string).collect()
        }
        Err(error) => {
            let note = format!(
                "the keys are replaced, but not all data keys were sealed to the new ones ({error}): run `cairn reseal \
                 --all` with the new key file and --former-key"
            );
            context.output().note(&note);
            Vec::new()
        }
    }
}

/// Keys that are on disk before the ledger hears of them: whoever loses the new ones has lost the account.
fn kept(context: &Context, path: &Path) -> Result<AccountKeys, Failure> {
    let passphrase = passphrase::new(&context.settings, path)?;
    let keys = AccountKeys::generate()?;
    let material = KeyMaterial::Account {
        signing: keys.signing.seed().clone(),
        decapsulation: keys.decapsulation.clone(),
    };
    match keyfile::write(path, &material, &passphrase) {
        Ok(()) => Ok(keys),
        Err(KeyFileError::Exists { .. }) => {
            let note = format!("using the keys that are in {} already", path.display());
            context.output().note(&note);
            Ok(keyfile::read(path, &passphrase)?.account()?)
        }
        Err(error) => Err(error.into()),
    }
}

/// `alice.key` and 1 give `alice.1.key`; `alice.1.key` and 2 give `alice.2.key`.
fn beside(path: &Path, index: u32) -> PathBuf {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let (stem, extension) = (text(path.file_stem()), text(path.extension()));
    let base = match stem.rsplit_once('.') {
        Some((base, number)) if number.parse::<u32>().is_ok() => base,
        _ => &stem,
    };
    let extension = if extension.is_empty() {
        String::new()
    } else {
        format!(".{extension}")
    };
    path.with_file_name(format!("{base}.{index}{extension}"))
}

#[derive(Serialize)]
struct Revoked {
    account: AccountId,
    key_index: u32,
    from_height: u64,
    #[serde(flatten)]
    transaction: FinalView,
}

async fn revoke(arguments: &RevokeArgs, context: &Context) -> Result<(), Failure> {
    let account = match arguments.account {
        Some(account) => account,
        None => account::own(context).await?,
    };
    let session = context.session().await?;
    let from_height = match arguments.from_height {
        Some(height) => height,
        None => {
            let height = session.client().account(&account).await?.height;
            height.saturating_add(REVOKED_AFTER)
        }
    };
    let revocation = Operation::RevokeKey {
        account,
        key_index: arguments.index,
        from_height,
    };
    let revoked = Revoked {
        account,
        key_index: arguments.index,
        from_height,
        transaction: session.transact(vec![revocation]).await?.into(),
    };
    context.output().result(&revoked, || {
        revoked.transaction.text(&format!(
            "key {} of account {account} signs nothing from height {from_height} on",
            revoked.key_index
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_key_file_lies_beside_the_old_one_and_has_its_own_name() {
        for (old, index, new) in [
            ("keys/alice.key", 1, "keys/alice.1.key"),
            ("keys/alice.1.key", 2, "keys/alice.2.key"),
            ("alice", 1, "alice.1"),
            ("/a/b.c.key", 3, "/a/b.c.3.key"),
        ] {
            assert_eq!(beside(Path::new(old), index), Path::new(new), "{old}");
        }
    }
}
