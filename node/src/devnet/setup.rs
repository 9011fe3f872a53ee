//! Makes a devnet: keys, the genesis document, one configuration a validator.

use super::layout::PORTS_EACH;
use super::{DevnetError, Layout};
use crate::config::{NodeConfig, Peer};
use cairn_consensus::Params;
use cairn_crypto::keyfile::{self, Argon2Params, KeyMaterial};
use cairn_crypto::{AccountKeys, NodeKeys, Seed};
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble, genesis_account};
use cairn_genesis::{GenesisDocument, Kind};
use cairn_runtime::{AccountId, ChainParams, Role, Scope};
use std::path::{Path, PathBuf};

/// Name of the network in a devnet's genesis document.
const NETWORK: &str = "devnet";
/// At most so many on one machine.
const MAX_VALIDATORS: usize = 128;

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many validators.
    pub validators: usize,
    /// Where.
    pub dir: PathBuf,
    /// First of the ports.
    pub base_port: u16,
    /// What the genesis document promises; by default `Production` from 32 validators on.
    pub kind: Option<Kind>,
    /// Further accounts that may publish, named `load-000` and so on: for benchmarks.
    pub load_accounts: usize,
}

/// Makes what is missing of a devnet; what is there stays as it is.
///
/// # Errors
/// [`DevnetError`].
pub fn prepare(plan: &Plan) -> Result<Layout, DevnetError> {
    if plan.validators == 0 || plan.validators > MAX_VALIDATORS {
        return Err(DevnetError::Validators {
            got: plan.validators,
        });
    }
    let needed = plan.validators * usize::from(PORTS_EACH);
    if usize::from(plan.base_port) + needed > usize::from(u16::MAX) {
        return Err(DevnetError::Ports {
            base_port: plan.base_port,
            needed,
            validators: plan.validators,
        });
    }
    std::fs::create_dir_all(&plan.dir).map_err(file("make", &plan.dir))?;
    let dir = std::path::absolute(&plan.dir).map_err(file("resolve", &plan.dir))?;
    let layout = Layout::new(&dir);
    if layout.genesis().exists() {
        let genesis = GenesisDocument::load(layout.genesis())?;
        let got = genesis.state.validators.len();
        if got != plan.validators {
            return Err(DevnetError::OtherSize {
                dir,
                expected: plan.validators,
                got,
            });
        }
    } else {
        make(plan, &layout)?;
    }
    Ok(layout)
}

fn make(plan: &Plan, layout: &Layout) -> Result<(), DevnetError> {
    // Whoever can read this folder can read the passphrase: it keeps key files from being used elsewhere by mistake.
    let passphrase = hex(&Seed::generate()?);
    write_private(&layout.passphrase(), &format!("{passphrase}\n"))?;

    let accounts_dir = layout.dir().join("accounts");
    std::fs::create_dir_all(&accounts_dir).map_err(file("make", &accounts_dir))?;
    let all = |roles: &[Role]| roles.iter().map(|role| (*role, Scope::Chain)).collect();
    let mut operators = Vec::with_capacity(plan.validators);
    let mut cards = Vec::with_capacity(plan.validators);
    for index in 0..plan.validators {
        let keys = NodeKeys::generate()?;
        let folder = layout.validator(index);
        std::fs::create_dir_all(&folder).map_err(file("make", &folder))?;
        let material = KeyMaterial::Node {
            consensus: keys.consensus.seed().clone(),
            transport: keys.transport.seed().clone(),
        };
        let path = folder.join("node.key");
        keyfile::write_with(&path, &material, &passphrase, Argon2Params::LIGHT)?;
        let operator = format!("operator-{}", Layout::name(index));
        let operator = make_account(layout, &passphrase, &operator, all(&[Role::Operator]))?;
        cards.push(ValidatorCard::new(
            NETWORK,
            &Layout::name(index),
            AccountId::of(&operator.signing_key),
            &keys.consensus,
            &keys.transport,
        )?);
        operators.push(operator);
        write_config(plan, layout, index)?;
    }

    let mut accounts = vec![
        make_account(
            layout,
            &passphrase,
            "alice",
            all(&[Role::Admin, Role::Registrar, Role::Publisher]),
        )?,
        make_account(layout, &passphrase, "bob", all(&[Role::Reader]))?,
    ];
    for index in 0..plan.load_accounts {
        let name = format!("load-{index:03}");
        let roles = all(&[Role::Registrar, Role::Publisher]);
        accounts.push(make_account(layout, &passphrase, &name, roles)?);
    }
    accounts.append(&mut operators);

    let kind = plan.kind.unwrap_or(if plan.validators >= 32 {
        Kind::Production
    } else {
        Kind::Devnet
    });
    let genesis = assemble(
        cards,
        accounts,
        Terms {
            network: NETWORK.into(),
            kind,
            timestamp_ms: crate::driver::now_ms(),
            power: 1,
            consensus: pace(plan.validators),
            ledger: ChainParams::default(),
            namespaces: Vec::new(),
        },
    )?;
    let path = layout.genesis();
    std::fs::write(&path, genesis.to_json()?).map_err(file("write", &path))
}

/// Many validators share this machine's cores: a round takes as long as all of them take together.
fn pace(validators: usize) -> Params {
    let shared = u64::try_from(validators).unwrap_or(u64::MAX) / 8;
    let default = Params::default();
    Params {
        base_timeout_ms: default.base_timeout_ms * (1 + shared),
        ..default
    }
}

fn make_account(
    layout: &Layout,
    passphrase: &str,
    name: &str,
    roles: Vec<(Role, Scope)>,
) -> Result<cairn_runtime::genesis::GenesisAccount, DevnetError> {
    let keys = AccountKeys::generate()?;
    let material = KeyMaterial::Account {
        signing: keys.signing.seed().clone(),
        decapsulation: keys.decapsulation.clone(),
    };
    keyfile::write_with(
        &layout.account(name),
        &material,
        passphrase,
        Argon2Params::LIGHT,
    )?;
    Ok(genesis_account(
        name,
        &keys.signing,
        keys.decapsulation.encapsulation_key(),
        roles,
    )?)
}

fn write_config(plan: &Plan, layout: &Layout, index: usize) -> Result<(), DevnetError> {
    let peers = (0..plan.validators)
        .filter(|other| *other != index)
        .map(|other| {
            let listen = Layout::listen(plan.base_port, other);
            Peer {
                name: Layout::name(other),
                consensus: listen.consensus,
                data: listen.data,
            }
        })
        .collect();
    let config = NodeConfig {
        name: Layout::name(index),
        genesis: layout.genesis(),
        key_file: PathBuf::from("node.key"),
        next_key_file: None,
        passphrase_file: Some(layout.passphrase()),
        data_dir: PathBuf::from("data"),
        verify_threads: if plan.validators > 8 { 1 } else { 0 },
        async_threads: if plan.validators > 8 { 1 } else { 2 },
        snapshot_after_blocks: 10_000,
        listen: Layout::listen(plan.base_port, index),
        mempool: crate::mempool::MempoolLimits::default(),
        api: crate::api::ApiLimits::default(),
        blobs: crate::api::BlobLimits::default(),
        catalogue: crate::catalogue::CatalogueConfig::default(),
        peers,
    };
    let path = layout.config(index);
    std::fs::write(&path, toml::to_string(&config)?).map_err(file("write", &path))
}

fn write_private(path: &Path, text: &str) -> Result<(), DevnetError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut opened = options.open(path).map_err(file("write", path))?;
    opened
        .write_all(text.as_bytes())
        .map_err(file("write", path))
}

fn hex(seed: &Seed) -> String {
    cairn_crypto::Digest::of(seed.as_bytes()).to_string()
}

pub(super) fn file<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> DevnetError + 'a {
    move |source| DevnetError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
