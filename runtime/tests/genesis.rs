//! The state at height 0, and every reason why one is refused.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

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
    genesis.validators = vec![validator(10, 10, &admin), validator(11, 10, &admin)];
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
fn epoch_0_is_that_of_the_genesis_validators_whose_power_is_bonded() {
    let genesis = sound();
    let chain = Chain::new(&genesis);
    let state = chain.state();
    let epoch = query::epoch(&state, 0).unwrap().unwrap();
    assert_eq!((epoch.first_height, epoch.total_power()), (1, 20));
    assert_eq!(epoch.members[1].id, actor(11).id);
    assert_eq!(
        query::stake(&state, actor(11).id).unwrap().unwrap().bonded,
        10
    );
    assert_eq!(query::stake_supply(&state).unwrap().issued, 20);
    assert_eq!(
        query::operates(&state, actor(1).id).unwrap(),
        [actor(10).id, actor(11).id]
    );
    let consensus = actor(11).key.public_key().fingerprint();
    assert_eq!(
        query::key_use(&state, &consensus).unwrap(),
        Some(KeyUse::Consensus {
            validator: actor(11).id,
            key_index: 0
        })
    );
}

#[test]
fn each_fault_is_named() {
    let fault = |change: &dyn Fn(&mut GenesisState)| {
        let mut genesis = sound();
        change(&mut genesis);
        genesis.diff(0).unwrap_err()
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
        invalid(&|genesis| genesis.validators[1].operator = actor(50).id),
        ("validator", 1, "unknown_account")
    );
    assert_eq!(
        invalid(&|genesis| {
            genesis.validators[1].transport_key = actor(1).key.public_key().clone();
        }),
        ("validator", 1, "key_in_use")
    );
    assert_eq!(
        fault(&|genesis| genesis.params.min_validators = 3),
        GenesisStateError::TooFewValidators { got: 2, minimum: 3 }
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
