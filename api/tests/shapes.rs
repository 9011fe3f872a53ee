//! The JSON of every answer: it comes back as it went, and the OpenAPI document describes what serde writes.
#![allow(clippy::unwrap_used)]

use cairn_api::{
    AccountView, Answer, BlockView, CertificateView, EventView, KeyPairView, MemberView, ModelView,
    Page, Problem, ProposalState, ProposalView, State, Submitted, SubmittedStatus,
    TransactionStatus, ValidatorSetView, ValidatorView, VersionView, schema,
};
use cairn_consensus::{BlockId, Epoch, Header, Height, Round};
use cairn_crypto::{AccountKeys, DataKey, Digest, SealContext, seal};
use cairn_runtime::{
    Account, AccountId, AccountKey, Action, ChainParams, Confidentiality, EpochMember, EpochRecord,
    Event, Grant, KeyUse, Model, ModelEvent, ModelName, Namespace, Offence, Outcome, Parent,
    Proposal, Receipt, Relation, Role, RoleEntry, Scope, Stake, Standing, TransactionError,
    Unbonding, ValidatorEntry, Version, VersionId,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Debug};
use utoipa::ToSchema;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn account_id() -> AccountId {
    AccountId(digest("account"))
}

fn model_name() -> ModelName {
    ModelName {
        namespace: "acme".to_owned(),
        name: "bert".to_owned(),
    }
}

fn version_id() -> VersionId {
    VersionId {
        model: model_name(),
        version: "1.2.0".to_owned(),
    }
}

fn model() -> Model {
    Model {
        name: model_name(),
        owner: account_id(),
        description: "a model".to_owned(),
        registered_at: 3,
        versions: 1,
        events: 2,
    }
}

fn version() -> Version {
    Version {
        id: version_id(),
        ordinal: 0,
        model_hash: digest("model"),
        vector_hash: Some(digest("vector")),
        manifest_digest: digest("manifest"),
        timestamp_ms: 1_700_000_000_123,
        owner: account_id(),
        metadata: r#"{"accuracy":0.9}"#.to_owned(),
        parents: vec![Parent {
            digest: digest("parent"),
            relation: Relation::FineTuned,
        }],
        confidentiality: Confidentiality::Private {
            key_commit: digest("key"),
            generation: 0,
        },
        published_at: u64::MAX,
        tx_hash: digest("tx"),
    }
}

fn event() -> ModelEvent {
    ModelEvent {
        height: 9,
        timestamp_ms: 1_700_000_000_000,
        tx_hash: digest("tx"),
        sender: account_id(),
        event: Event::ModelRegistered {
            id: version_id(),
            model_hash: digest("model"),
            owner: account_id(),
            parents: version().parents,
        },
    }
}

fn header() -> Header {
    Header {
        chain_id: digest("chain"),
        epoch: Epoch(0),
        round: Round(4),
        height: Height(9),
        parent: BlockId(digest("parent")),
        parent_round: Round(3),
        timestamp_ms: 1_700_000_000_000,
        proposer: digest("proposer"),
        payload_root: digest("payload"),
        state_root: digest("state"),
        receipts_root: digest("receipts"),
        history_root: digest("history"),
        validators_hash: digest("validators"),
        next_validators_hash: digest("validators"),
    }
}

fn account() -> Account {
    Account {
        id: account_id(),
        display_name: "Ada".to_owned(),
        admitted_at: 0,
        keys: 1,
        roles: 1,
        suspended_at: None,
    }
}

fn role() -> RoleEntry {
    RoleEntry {
        role: Role::Publisher,
        scope: Scope::Model(model_name()),
        granted_at: 2,
        revoked_at: None,
    }
}

fn keys() -> (AccountKey, Grant) {
    let keys = AccountKeys::generate().unwrap();
    let encryption = keys.decapsulation.encapsulation_key().clone();
    let context = SealContext {
        chain_id: digest("chain"),
        version: digest("version"),
        generation: 0,
        reader: account_id().0,
        key_index: 0,
    };
    let sealed = seal::seal(&DataKey::generate().unwrap(), &encryption, &context).unwrap();
    let grant = Grant {
        reader: account_id(),
        granted_by: account_id(),
        granted_at: 5,
        key_index: 0,
        generation: 0,
        sealed,
        revoked: None,
    };
    let signing = keys.signing.public_key().clone();
    (
        AccountKey {
            signing,
            encryption,
            valid_from: 0,
            valid_from_ms: 0,
            valid_until: Some(7),
        },
        grant,
    )
}

fn validator() -> ValidatorView {
    let keys = |index| KeyPairView {
        index,
        consensus: digest("consensus"),
        transport: digest("transport"),
    };
    ValidatorView {
        validator: ValidatorEntry {
            id: account_id(),
            name: "one".to_owned(),
            operator: account_id(),
            keys: 2,
            standing: Standing::Jailed,
            added_at: 3,
        },
        member: Some(MemberView {
            power: 5,
            keys: keys(0),
        }),
        newest_keys: keys(1),
        stake: Stake {
            bonded: 5,
            free: 1,
            unbonding: vec![Unbonding {
                amount: 2,
                matures_at_ms: 9,
            }],
        },
        offences: vec![Offence {
            validator: account_id(),
            epoch: 0,
            round: 4,
            burned: 1,
            reporter: account_id(),
            height: 8,
        }],
    }
}

fn epoch() -> EpochRecord {
    EpochRecord {
        epoch: 1,
        first_height: 10,
        members: vec![EpochMember {
            id: account_id(),
            key_index: 0,
            power: 5,
        }],
    }
}

fn proposal() -> ProposalView {
    ProposalView {
        proposal: Proposal {
            id: 2,
            proposer: account_id(),
            action: Action::SetParameter {
                name: "max_operations".to_owned(),
                value: 9,
            },
            proposed_at: 4,
            expires_at_height: 400,
            approvals: vec![account_id()],
            passed_at: None,
        },
        state: ProposalState::Open,
        approving_power: 5,
        quorum_power: 7,
    }
}

fn key_use() -> KeyUse {
    KeyUse::Account {
        account: account_id(),
        key_index: 1,
    }
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Value {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    serde_json::from_str(&text).unwrap()
}

fn answer<T>(data: T) -> Answer<T> {
    Answer {
        height: 9,
        time: "2023-11-14T22:13:20Z".to_owned(),
        data,
    }
}

#[test]
fn every_answer_comes_back_as_it_went() {
    let (key, grant) = keys();
    comes_back(&answer(grant));
    comes_back(&answer(ChainParams::default()));
    comes_back(&answer(vec![version_id()]));
    comes_back(&answer(ModelView {
        model: model(),
        latest: None,
    }));
    comes_back(&Page {
        height: 9,
        time: String::new(),
        items: vec![ModelView {
            model: model(),
            latest: Some("1.2.0".to_owned()),
        }],
        next: Some("1".to_owned()),
    });
    comes_back(&answer(AccountView {
        account: account(),
        nonce: 4,
        pending_nonce: 6,
        keys: vec![key],
        roles: vec![role()],
    }));
    let json = comes_back(&answer(ValidatorSetView {
        epoch: 1,
        first_height: 10,
        change_pending: true,
        total_power: 5,
        quorum_power: 4,
        validators: vec![validator()],
    }));
    let first = &json["data"]["validators"][0];
    assert_eq!(first["validator"]["standing"], "jailed");
    assert_eq!(
        first["member"]["keys"]["consensus"],
        digest("consensus").reference()
    );
    let outside = ValidatorView {
        member: None,
        ..validator()
    };
    assert!(comes_back(&answer(outside))["data"].get("member").is_none());
    comes_back(&answer(epoch()));
    let json = comes_back(&answer(proposal()));
    assert_eq!(json["data"]["state"], "open");
    assert_eq!(
        json["data"]["proposal"]["action"]["action"],
        "set_parameter"
    );
    assert_eq!(comes_back(&answer(key_use()))["data"]["use"], "account");
    let json = comes_back(&answer(VersionView::from(version())));
    assert_eq!(json["data"]["time"], "2023-11-14T22:13:20.123Z");
    assert_eq!(json["data"]["published_at"], u64::MAX);
    assert_eq!(json["data"]["model_hash"], digest("model").reference());
    let json = comes_back(&EventView::from(event()));
    assert_eq!(json["event"]["event"], "model_registered");
    let json = comes_back(&BlockView {
        id: header().id(),
        header: header(),
        time: String::new(),
        transactions: vec![digest("tx")],
        certificate: Some(CertificateView {
            round: 4,
            signers: vec![0, 31],
        }),
    });
    assert_eq!(json["header"]["height"], 9);
}

#[test]
fn a_transaction_is_described_by_its_state() {
    let pending = TransactionStatus {
        tx_hash: digest("tx"),
        status: State::Pending,
        height: None,
        index: None,
        block_id: None,
        receipt: None,
    };
    let expected = json!({ "tx_hash": digest("tx").reference(), "status": "pending" });
    assert_eq!(comes_back(&pending), expected);
    let outcomes = [
        Outcome::Applied(vec![event().event]),
        Outcome::Failed {
            operation: 1,
            error: TransactionError::UnknownNamespace {
                namespace: "acme".to_owned(),
            },
        },
    ];
    for outcome in outcomes {
        let json = comes_back(&TransactionStatus {
            status: State::Final,
            height: Some(9),
            index: Some(0),
            block_id: Some(header().id()),
            receipt: Some(Receipt {
                tx_hash: digest("tx"),
                outcome,
            }),
            ..pending.clone()
        });
        assert_eq!(json["status"], "final");
    }
    let submitted = Submitted {
        tx_hash: digest("tx"),
        status: SubmittedStatus::Accepted,
    };
    assert_eq!(comes_back(&submitted)["status"], "accepted");
}

#[test]
fn a_problem_comes_back_with_and_without_values() {
    let problem = Problem::new(409, "nonce_mismatch", "expected 7");
    assert!(comes_back(&problem).get("values").is_none());
    assert_eq!(
        comes_back(&problem.with("expected", 7))["values"],
        json!({ "expected": 7 })
    );
}

/// The members that a schema describes.
fn described<T: ToSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let properties = schema["properties"]
        .as_object()
        .unwrap_or_else(|| panic!("{schema}"));
    properties.keys().cloned().collect()
}

fn written(value: &impl Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_have_the_members_that_serde_writes() {
    let (key, grant) = keys();
    let namespace = Namespace {
        name: "acme".to_owned(),
        owner: account_id(),
        created_at: 1,
        models: 1,
    };
    let receipt = Receipt {
        tx_hash: digest("tx"),
        outcome: Outcome::Applied(Vec::new()),
    };
    assert_eq!(described::<schema::ModelName>(), written(&model_name()));
    assert_eq!(described::<schema::VersionId>(), written(&version_id()));
    assert_eq!(
        described::<schema::Parent>(),
        written(&version().parents[0])
    );
    assert_eq!(described::<schema::Account>(), written(&account()));
    assert_eq!(described::<schema::AccountKey>(), written(&key));
    assert_eq!(described::<schema::RoleEntry>(), written(&role()));
    assert_eq!(described::<schema::Namespace>(), written(&namespace));
    assert_eq!(described::<schema::Model>(), written(&model()));
    assert_eq!(described::<schema::Version>(), written(&version()));
    assert_eq!(described::<schema::SealedKey>(), written(&grant.sealed));
    assert_eq!(described::<schema::Grant>(), written(&grant));
    let view = validator();
    assert_eq!(
        described::<schema::ValidatorEntry>(),
        written(&view.validator)
    );
    assert_eq!(described::<schema::Stake>(), written(&view.stake));
    assert_eq!(
        described::<schema::Unbonding>(),
        written(&view.stake.unbonding[0])
    );
    assert_eq!(described::<schema::Offence>(), written(&view.offences[0]));
    assert_eq!(described::<schema::EpochRecord>(), written(&epoch()));
    assert_eq!(
        described::<schema::EpochMember>(),
        written(&epoch().members[0])
    );
    assert_eq!(
        described::<schema::Proposal>(),
        written(&proposal().proposal)
    );
    // The other members depend on the kind.
    for (described, written) in [
        (
            described::<schema::Action>(),
            written(&proposal().proposal.action),
        ),
        (described::<schema::KeyUse>(), written(&key_use())),
    ] {
        assert!(described.is_subset(&written), "{described:?} {written:?}");
    }
    assert_eq!(described::<schema::ModelEvent>(), written(&event()));
    assert_eq!(described::<schema::Receipt>(), written(&receipt));
    assert_eq!(described::<schema::Header>(), written(&header()));
    assert_eq!(
        described::<schema::ChainParams>(),
        written(&ChainParams::default())
    );
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn the_schemas_name_the_variants_that_serde_writes() {
    let names = |schema: Value| -> BTreeSet<String> {
        let names = schema["enum"]
            .as_array()
            .unwrap_or_else(|| panic!("{schema}"))
            .clone();
        names
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let schema_of = |schema: utoipa::openapi::RefOr<utoipa::openapi::Schema>| {
        serde_json::to_value(schema).unwrap()
    };
    use utoipa::PartialSchema;
    let roles = [
        Role::Admin,
        Role::Registrar,
        Role::Publisher,
        Role::Certifier,
        Role::Reader,
        Role::Auditor,
        Role::Operator,
    ];
    assert_eq!(
        names(schema_of(schema::Role::schema())),
        roles.iter().map(text).collect()
    );
    let relations = [
        Relation::FineTuned,
        Relation::Quantized,
        Relation::Converted,
        Relation::Merged,
        Relation::Distilled,
        Relation::Adapter,
        Relation::Revised,
        Relation::TrainedOn,
    ];
    assert_eq!(
        names(schema_of(schema::Relation::schema())),
        relations.iter().map(text).collect()
    );
    let standings = [Standing::Active, Standing::Jailed, Standing::Removed];
    assert_eq!(
        names(schema_of(schema::Standing::schema())),
        standings.iter().map(text).collect()
    );
}
