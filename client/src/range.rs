//! Exports of a range of blocks: fetched block by block, checked while they are written, and checked again by whoever reads
//! them, offline.

use crate::call::Call;
use crate::proof::unmasked;
use crate::{CallError, Client, ClientError, HeadNote, HeadStore, Subject};
use cairn_audit::export::{
    ExportError, ExportRange, ExportRecord, ExportVerified, ExportWriter, MAX_RECORD_BYTES,
    verify_export,
};
use cairn_audit::{Anchor, Bundle, EpochChain, MAX_BUNDLE_BYTES};
use cairn_consensus::{Epoch, Height};
use cairn_genesis::GenesisDocument;
use cairn_runtime::ModelName;
use std::io::{Read, Write};

/// An export that was found true offline.
#[derive(Clone, Debug)]
pub struct AuditedExport {
    /// What was verified.
    pub verified: ExportVerified,
    /// What became of the newest header seen.
    pub head: HeadNote,
}

/// Checks an export against the genesis document, and the newest header seen if there is a place for one. It opens no
/// connection, and holds one block at a time.
///
/// # Errors
/// [`ClientError::Audit`], [`ClientError::Bundle`], [`ClientError::Genesis`], and [`ClientError::Head`] when it contradicts
/// what was seen before.
pub fn audit_export(
    reader: &mut impl Read,
    genesis: &GenesisDocument,
    heads: Option<&HeadStore>,
) -> Result<AuditedExport, ClientError> {
    let verified = verify_export(reader, Anchor::genesis(genesis)?)?;
    let head = match heads {
        Some(heads) => heads.take_note(&verified.last)?,
        None => HeadNote::NotKept,
    };
    Ok(AuditedExport { verified, head })
}

impl From<ExportError> for ClientError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Format(error) => Self::Bundle(error),
            ExportError::Audit(error) => Self::Audit(error),
            other => Self::OtherClaim {
                expected: "an export".to_owned(),
                got: other.to_string(),
            },
        }
    }
}

impl Client {
    /// Writes an export of the blocks from `from` to `to`, whole, or with only those transactions that had an effect on a
    /// model. What is written was checked: epochs since genesis, finality, every root.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for blocks that are not final, or not kept by the node; what [`Client::prove`] says;
    /// [`ClientError::Bundle`] from the writer.
    pub async fn export_range<W: Write>(
        &self,
        (from, to): (u64, u64),
        model: Option<ModelName>,
        writer: W,
    ) -> Result<(ExportVerified, W), ClientError> {
        let tip = self.newest_tip(to).await?;
        let mut export = ExportWriter::new(writer, self.inner.anchor.clone())?;
        export.record(&ExportRecord::Begin(ExportRange {
            chain_id: self.inner.chain_id,
            from: Height(from),
            to: Height(to),
            model: model.clone(),
        }))?;
        self.export_epochs(tip.begins(), &mut export).await?;
        export.record(&ExportRecord::Tip(tip))?;
        let (blocks, transactions) = self.export_blocks((from, to), model, &mut export).await?;
        export.record(&ExportRecord::End {
            blocks,
            transactions,
        })?;
        Ok(export.finish()?)
    }

    /// The proof that a block is final, in a bundle without epoch changes.
    async fn newest_tip(&self, height: u64) -> Result<Bundle, ClientError> {
        let subject = Subject::Block(height);
        let (bundle, verified) = self.prove(&subject).await?;
        if bundle.epochs.is_empty() {
            return Ok(bundle);
        }
        let newest = verified.newest_epoch().epoch();
        Ok(self.prove_since(&subject, newest).await?.0)
    }

    async fn export_epochs<W: Write>(
        &self,
        until: Epoch,
        export: &mut ExportWriter<W>,
    ) -> Result<(), ClientError> {
        let mut anchor = self.inner.anchor.clone();
        while anchor.epoch() < until {
            let call = Call {
                max_bytes: MAX_BUNDLE_BYTES,
                ..Call::get(format!("/v1/proofs/epochs?from={}", anchor.epoch()))
            };
            let read = |body: &[u8]| -> Result<(EpochChain, Anchor), ClientError> {
                let mut chain = EpochChain::decode(body)?;
                chain.changes.retain(|change| change.header.epoch < until);
                let next = chain.follow(&anchor)?;
                if next == anchor {
                    let what = format!("change of validators after epoch {}", anchor.epoch());
                    return Err(ClientError::NotFound { what });
                }
                Ok((chain, next))
            };
            let page = self
                .ask_with(&call, |reply| {
                    read(&reply.body).map_err(|error| CallError::Proof(Box::new(error)))
                })
                .await;
            let (chain, next) = page.map_err(unmasked)?;
            for change in chain.changes {
                export.record(&ExportRecord::Epoch(change))?;
            }
            anchor = next;
        }
        Ok(())
    }

    async fn export_blocks<W: Write>(
        &self,
        (from, to): (u64, u64),
        model: Option<ModelName>,
        export: &mut ExportWriter<W>,
    ) -> Result<(u64, u64), ClientError> {
        let about = model.map_or_else(String::new, |model| {
            format!("&model={}", crate::routes::segment(&model.to_string()))
        });
        let (mut next, mut blocks, mut transactions) = (from, 0, 0);
        while next <= to {
            let call = Call {
                max_bytes: MAX_RECORD_BYTES + 4,
                ..Call::get(format!("/v1/proofs/range?from={next}&to={to}{about}"))
            };
            let page = self
                .ask_with(&call, |reply| {
                    records(&reply.body, next, to).map_err(|reason| call.malformed(reason))
                })
                .await?;
            for record in page {
                export.record(&record)?;
                if let ExportRecord::Block(block) = &record {
                    transactions += block.transactions.len() as u64;
                }
                (next, blocks) = (next + 1, blocks + 1);
            }
        }
        Ok((blocks, transactions))
    }
}

/// The blocks of a page: from `next` on, none left out, none above `to`. Whether they are true, the export's own checks
/// say.
fn records(mut body: &[u8], next: u64, to: u64) -> Result<Vec<ExportRecord>, String> {
    let mut records = Vec::new();
    while let Some(record) = ExportRecord::read(&mut body).map_err(|error| error.to_string())? {
        let expected = next + records.len() as u64;
        match &record {
            ExportRecord::Block(block) if block.header.height.0 == expected && expected <= to => {}
            _ => return Err(format!("expected block {expected} of a range up to {to}")),
        }
        records.push(record);
    }
    if records.is_empty() {
        return Err(format!("no block, expected block {next}"));
    }
    Ok(records)
}
