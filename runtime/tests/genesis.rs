//! The state at height 0, and every reason why one is refused.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

fn validator(seed: u8) -> ValidatorRecord {
    let key = actor(seed);
    ValidatorRecord {
        id: key.id,
        name: format!("validator {seed}"),
        consensus_key: key.key.public_key().clone(),
        transport_key: actor(seed + 100).key.public_key().clone(),
        power: 10,
    }
}

fn sound() -> GenesisState {
    let (admin, other) = (actor(1), actor(2));
    let acme = Scope::Namespace("acme".into());
    let mut genesis = genesis(
        &[
            (&admin, vec![(Role::Admin, Scope::Chain)]),
            (&other, vec![(Role::Publisher, acme)]),
        ],
        &[("acme", &admin)],
    );
    genesis.validators = vec![validator(10), validator(11)];
    genesis
}

#[test]
fn what_genesis_names_is_in_the_state() {
    let genesis = sound();
    let chain = Chain::new(&genesis);
    let state = chain.state();
    assert_eq!(query::params(&state).unwrap(), genesis.params);
    assert_eq!(query::validators(&state).unwrap(), genesis.validators);
    let accounts = query::accounts(&state, 0, 10).unwrap();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[0].id, actor(1).id);
    assert_eq!(
        query::roles(&state, actor(2).id).unwrap()[0].scope,
        Scope::Namespace("acme".into())
    );
    assert_eq!(
        query::namespaces(&state, 0, 10).unwrap()[0].owner,
        actor(1).id
    );
    assert_eq!(query::nonce(&state, actor(1).id).unwrap(), 0);
}

#[test]
fn each_fault_is_named() {
    let fault = |change: &dyn Fn(&mut GenesisState)| {
        let mut genesis = sound();
        change(&mut genesis);
        genesis.diff().unwrap_err()
    };
    let invalid = |change: &dyn Fn(&mut GenesisState)| match fault(change) {
        GenesisStateError::Invalid { what, index, error } => (what, index, error.code()),
        other => panic!("{other}"),
    };
    assert!(matches!(
        fault(&|genesis| genesis.params.max_operations = 0),
        GenesisStateError::Params(_)
    ));
    assert_eq!(
        invalid(&|genesis| genesis.accounts[1] = genesis.accounts[0].clone()),
        ("account", 1, "account_exists")
    );
    assert_eq!(
        invalid(&|genesis| {
            genesis.accounts[1].possession = actor(2).possession(Digest::of(b"a chain"));
        }),
        ("account", 1, "bad_possession")
    );
    assert_eq!(
        invalid(&|genesis| {
            let role = genesis.accounts[0].roles[0].clone();
            genesis.accounts[0].roles.push(role);
        }),
        ("account", 0, "role_held")
    );
    assert_eq!(
        invalid(&|genesis| genesis.accounts[1].roles[0].1 = Scope::Namespace("none".into())),
        ("account", 1, "unknown_namespace")
    );
    assert_eq!(
        invalid(&|genesis| genesis.accounts[1].roles[0].1 = Scope::Model(model("acme/x"))),
        ("account", 1, "unknown_model")
    );
    assert_eq!(
        invalid(&|genesis| genesis.namespaces[0].owner = actor(50).id),
        ("namespace", 0, "unknown_account")
    );
    assert_eq!(
        invalid(&|genesis| genesis.namespaces[0].name = "Acme".into()),
        ("namespace", 0, "invalid_name")
    );
    assert_eq!(
        fault(&|genesis| genesis.accounts[0].roles.clear()),
        GenesisStateError::NoAdmin
    );
    assert_eq!(
        fault(&|genesis| genesis.validators[1].id = actor(50).id),
        GenesisStateError::WrongValidatorId {
            index: 1,
            expected: actor(11).id,
            got: actor(50).id
        }
    );
    assert!(matches!(
        fault(&|genesis| genesis.validators[1] = genesis.validators[0].clone()),
        GenesisStateError::DuplicateValidatorKey { index: 1, .. }
    ));
    assert_eq!(
        fault(&|genesis| genesis.validators[1].power = 0),
        GenesisStateError::NoPower { index: 1 }
    );
    assert_eq!(
        fault(&|genesis| genesis.validators[1].power = u64::MAX),
        GenesisStateError::TooMuchPower
    );
}
