//! How many PublishVersion transactions a core executes in a second, and what the state root costs:
//! blocks of 2,000 over states of 2,000 and of 100,000 models, in memory. Signatures are verified
//! before.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/chain/mod.rs"]
mod chain;

use cairn_runtime::tree;
use cairn_runtime::*;
use chain::*;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NAMESPACES: usize = 100;
const MODELS: [usize; 2] = [2_000, 100_000];
const BLOCK: usize = 2_000;
const SENDERS: usize = 16;

fn name(number: usize) -> String {
    format!("space{}/model{}", number % NAMESPACES, number / NAMESPACES)
}

/// A state of so many models, and a block of versions of models spread over it.
fn prepare(models: usize) -> (Chain, Vec<VerifiedTransaction>) {
    let senders: Vec<_> = (0..SENDERS as u8).map(actor).collect();
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let accounts: Vec<_> = senders
        .iter()
        .map(|sender| (sender, roles.to_vec()))
        .collect();
    let names: Vec<_> = (0..NAMESPACES).map(|n| format!("space{n}")).collect();
    let namespaces: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &senders[0]))
        .collect();
    let mut genesis = genesis(&accounts, &namespaces);
    genesis.params.max_account_transactions_per_block = 10_000;
    genesis.params.max_block_bytes = 16 * 1024 * 1024;
    let mut chain = Chain::new(&genesis);
    let numbers: Vec<_> = (0..models).collect();
    for block in numbers.chunks(20 * 64) {
        let transactions: Vec<_> = (0u64..)
            .zip(block.chunks(64))
            .map(|(ahead, numbers)| {
                let ops = numbers.iter().map(|number| register(&name(*number)));
                chain.signed(&senders[0], ahead, ops.collect())
            })
            .collect();
        let results = chain.commit(&transactions);
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(Outcome::Applied(_))))
        );
    }
    let block = (0..BLOCK)
        .map(|number| {
            let id = format!("{}@1.0.0", name(number * (models / BLOCK)));
            let ahead = (number / SENDERS) as u64;
            chain.signed(&senders[number % SENDERS], ahead, vec![publish(&id, &id)])
        })
        .collect();
    (chain, block)
}

fn publish_version(criterion: &mut Criterion) {
    for models in MODELS {
        publish_version_over(criterion, models);
    }
}

fn publish_version_over(criterion: &mut Criterion, models: usize) {
    let (chain, block) = prepare(models);
    let (results, executed) = chain.execute(&block);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(Outcome::Applied(_))))
    );
    let mut group = criterion.benchmark_group(format!("publish_version/{models}_models"));
    group.sample_size(20);
    group.throughput(Throughput::Elements(BLOCK as u64));
    group.bench_function("execute", |bencher| bencher.iter(|| chain.execute(&block)));
    group.bench_function("state_root", |bencher| {
        bencher.iter(|| tree::apply(&chain.tree, chain.height + 1, &executed.diff).unwrap());
    });
    group.bench_function("execute_and_state_root", |bencher| {
        bencher.iter(|| {
            let (_, executed) = chain.execute(&block);
            tree::apply(&chain.tree, chain.height + 1, &executed.diff).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, publish_version);
criterion_main!(benches);
