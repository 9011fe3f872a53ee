//! Data keys that replace one another: after access was revoked, the bytes are encrypted anew, and whoever may still
//! read them gets the new key.

use super::access::{
    NewGrant, check_generation, check_reader_key, private_generation, refuse_revoked, write_grant,
};
use super::namespaces::check_entries;
use super::permission::require;
use super::subject::{log, version_of};
use crate::params::MAX_REKEY_READERS;
use crate::session::{Session, Stop};
use crate::{
    AccountId, Event, Grant, Operation, ReaderKey, Rekey, StateKey, StateReader, VersionId,
};
use cairn_crypto::Digest;

/// The fields of [`Operation::RekeyVersion`].
pub(super) struct NewKey<'a> {
    pub(super) id: &'a VersionId,
    pub(super) generation: u32,
    pub(super) manifest_digest: Digest,
    pub(super) key_commit: Digest,
    pub(super) readers: &'a [ReaderKey],
}

/// Replaces a data key. Readers whose access was revoked are refused, so that none comes back unnoticed.
pub(super) fn rekey<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    new: &NewKey<'_>,
) -> Result<(), Stop> {
    let id = new.id;
    let (version, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    let generation = private_generation(session, &version)?.saturating_add(1);
    check_generation(generation, new.generation)?;
    let readers: Vec<AccountId> = new.readers.iter().map(|key| key.reader).collect();
    check_entries("readers", &readers, MAX_REKEY_READERS)?;
    for key in new.readers {
        check_reader_key(session, key.reader, key.key_index)?;
        let earlier: Option<Grant> = session.read(&StateKey::Grant(id.clone(), key.reader))?;
        if let Some(earlier) = earlier {
            refuse_revoked(id, &earlier)?;
        }
    }
    let record = Rekey {
        generation,
        manifest_digest: new.manifest_digest,
        key_commit: new.key_commit,
        by: session.sender,
        at: session.context.height,
        tx_hash: session.tx_hash,
    };
    let count = StateKey::RekeyCount(id.clone());
    session.append(&count, |at| StateKey::RekeyAt(id.clone(), at), &record)?;
    for key in new.readers {
        let grant = NewGrant {
            id,
            reader: key.reader,
            key_index: key.key_index,
            generation,
            sealed: &key.sealed,
        };
        write_grant(session, &grant)?;
    }
    let event = Event::VersionRekeyed {
        id: id.clone(),
        generation,
        manifest_digest: new.manifest_digest,
        readers,
    };
    log(session, model, event);
    Ok(())
}
