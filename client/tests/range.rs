//! An export is fetched block by block, and only what is complete and true is written.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_audit::export::{ExportBlock, ExportRecord};
use cairn_audit::{AuditError, HeadError};
use cairn_client::{ClientError, HeadNote, HeadStore, audit_export};
use chain::{Answer, CHAIN, Chain, FORK, bundle, node, ok, parameter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn block(chain: &Chain, height: usize) -> ExportRecord {
    ExportRecord::Block(ExportBlock {
        header: chain.headers[height].clone(),
        transactions: vec![],
        receipts: vec![],
    })
}

/// A node that gives at most `page` blocks at once.
fn answer(chain: &Chain, line: &str, page: usize) -> Answer {
    if line.contains("/v1/proofs/range?") {
        let (from, to) = (parameter(line, "from"), parameter(line, "to"));
        let mut bytes = Vec::new();
        for height in from..=to.min(from + page - 1) {
            block(chain, height).write(&mut bytes).unwrap();
        }
        return ok("application/octet-stream", &bytes);
    }
    if line.contains("/v1/blocks?") {
        let (from, limit) = (parameter(line, "from"), parameter(line, "limit"));
        return ok("application/json", &chain.page(from, limit));
    }
    let (_, height) = line.rsplit_once('/').unwrap();
    bundle(&chain.block(height.parse().unwrap()))
}

#[tokio::test]
async fn a_range_is_fetched_in_pages_and_checked_offline() {
    let pages = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pages);
    let honest = node(move |line| {
        count.fetch_add(usize::from(line.contains("range")), Ordering::SeqCst);
        answer(&CHAIN, line, 4)
    });
    let client = CHAIN.client(vec![honest.await.endpoint]);
    let export = client.export_range((1, 10), None, Vec::new()).await;
    let (written, bytes) = export.unwrap();
    assert_eq!(pages.load(Ordering::SeqCst), 3);
    assert_eq!((written.blocks, written.transactions), (10, 0));

    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let audited = audit_export(&mut bytes.as_slice(), &CHAIN.genesis, Some(&heads)).unwrap();
    assert_eq!(audited.verified, written);
    assert_eq!(audited.head, HeadNote::Moved);
    assert_eq!(audited.verified.last.block_id, CHAIN.headers[10].id());

    // Another history of the same validators, after this one was seen.
    let forked = node(|line| answer(&FORK, line, 100)).await;
    let client = CHAIN.client(vec![forked.endpoint]);
    let export = client.export_range((1, 10), None, Vec::new()).await;
    let bytes = export.unwrap().1;
    let error = audit_export(&mut bytes.as_slice(), &CHAIN.genesis, Some(&heads)).unwrap_err();
    let fork = matches!(error, ClientError::Head(HeadError::Fork { .. }));
    assert!(fork, "{error}");
}

#[tokio::test]
async fn blocks_of_another_history_end_the_export() {
    // The proof is of one chain, the blocks of another.
    let two_faced = |line: &str| {
        let chain = if line.contains("range") {
            &FORK
        } else {
            &CHAIN
        };
        answer(chain, line, 100)
    };
    let client = CHAIN.client(vec![node(two_faced).await.endpoint]);
    let export = client.export_range((1, 5), None, Vec::new()).await;
    let error = export.unwrap_err();
    let order = matches!(error, ClientError::Audit(AuditError::Order { .. }));
    assert!(order, "{error}");
}

#[tokio::test]
async fn a_node_that_leaves_blocks_out_is_passed_over() {
    let gaps = |line: &str| {
        if !line.contains("range") {
            return answer(&CHAIN, line, 100);
        }
        let mut bytes = Vec::new();
        for height in [1, 3] {
            block(&CHAIN, height).write(&mut bytes).unwrap();
        }
        ok("application/octet-stream", &bytes)
    };
    let honest = node(|line| answer(&CHAIN, line, 100)).await.endpoint;
    let nodes = vec![node(gaps).await.endpoint, honest];
    let client = CHAIN.client(nodes);
    let export = client.export_range((1, 5), None, Vec::new()).await;
    assert_eq!(export.unwrap().0.blocks, 5);
}
