//! Settings: the command line before the environment before the configuration file.

use crate::cli::Global;
use crate::config_file::{ConfigFile, MAX_CONFIG_BYTES};
use cairn_client::{Endpoint, HeadStore, ParseEndpointError};
use cairn_crypto::Digest;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why the settings do not do.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// The configuration file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file is something else.
    #[error("{} has more than {MAX_CONFIG_BYTES} bytes, it is no configuration file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The configuration file is wrong.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Where, and what is expected there.
        source: Box<toml::de::Error>,
    },
    /// A node's address is none.
    #[error(transparent)]
    Node(#[from] ParseEndpointError),
    /// A variable of the environment is not text.
    #[error("{name} is not valid UTF-8")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// No node is named.
    #[error(
        "no node is configured: give --node cairn://host:port, set CAIRN_NODES, or write `nodes` to the configuration file"
    )]
    NoNodes,
    /// A file is not named.
    #[error(
        "no {what}: give --{option} FILE, set {variable}, or write `{option} = \"...\"` to {config}"
    )]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The option, and the name in the configuration file.
        option: &'static str,
        /// The variable of the environment.
        variable: &'static str,
        /// Where the configuration file is or would be.
        config: String,
    },
}

/// The variables of the environment, which tests replace.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Everything that commands need to know besides their own arguments.
#[derive(Debug)]
pub(crate) struct Settings {
    nodes: Vec<String>,
    genesis: Option<PathBuf>,
    key: Option<PathBuf>,
    passphrase: Option<Zeroizing<String>>,
    passphrase_file: Option<PathBuf>,
    node_keys: Vec<Digest>,
    former_keys: Vec<PathBuf>,
    config: Option<PathBuf>,
    state: Option<PathBuf>,
    cache: Option<PathBuf>,
}

impl Settings {
    /// Puts together what the command line, the environment and the configuration file say.
    ///
    /// # Errors
    /// When the configuration file was named and is missing, or is wrong.
    pub(crate) fn new(
        options: &Global,
        environment: Environment<'_>,
    ) -> Result<Self, SettingsError> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let named = options.config.clone().or_else(|| path("CAIRN_CONFIG"));
        let default =
            xdg(environment, "XDG_CONFIG_HOME", ".config").map(|cairn| cairn.join("config.toml"));
        let file = match (&named, &default) {
            (Some(named), _) => ConfigFile::read(named)?,
            // Only a file that was named has to be there.
            (None, Some(default)) => match ConfigFile::read(default) {
                Err(SettingsError::Read { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    ConfigFile::default()
                }
                file => file?,
            },
            (None, None) => ConfigFile::default(),
        };
        let config = named.or(default);
        let from_file = |path: Option<PathBuf>| {
            let folder = config.as_deref().and_then(Path::parent);
            path.map(|path| folder.map_or_else(|| path.clone(), |folder| folder.join(&path)))
        };
        // A passphrase file named on the command line counts more than a passphrase in the environment.
        let passphrase = match options.passphrase_file {
            Some(_) => None,
            None => text(environment, "CAIRN_PASSPHRASE")?.map(Zeroizing::new),
        };
        Ok(Self {
            nodes: if !options.nodes.is_empty() {
                options.nodes.clone()
            } else if let Some(nodes) = text(environment, "CAIRN_NODES")? {
                nodes
                    .split(',')
                    .map(|node| node.trim().to_owned())
                    .collect()
            } else {
                file.nodes.unwrap_or_default()
            },
            genesis: options
                .genesis
                .clone()
                .or_else(|| path("CAIRN_GENESIS"))
                .or_else(|| from_file(file.genesis)),
            key: options
                .key
                .clone()
                .or_else(|| path("CAIRN_KEY"))
                .or_else(|| from_file(file.key)),
            passphrase,
            passphrase_file: options
                .passphrase_file
                .clone()
                .or_else(|| path("CAIRN_PASSPHRASE_FILE"))
                .or_else(|| from_file(file.passphrase_file)),
            node_keys: if options.node_keys.is_empty() {
                file.node_keys.unwrap_or_default()
            } else {
                options.node_keys.clone()
            },
            former_keys: if options.former_keys.is_empty() {
                let listed = file.former_keys.unwrap_or_default().into_iter();
                listed.filter_map(|path| from_file(Some(path))).collect()
            } else {
                options.former_keys.clone()
            },
            state: xdg(environment, "XDG_STATE_HOME", ".local/state"),
            cache: xdg(environment, "XDG_CACHE_HOME", ".cache"),
            config,
        })
    }

    /// The nodes to ask, the preferred one first.
    ///
    /// # Errors
    /// When there is none, or one is no address.
    pub(crate) fn nodes(&self) -> Result<Vec<Endpoint>, SettingsError> {
        if self.nodes.is_empty() {
            return Err(SettingsError::NoNodes);
        }
        Ok(self
            .nodes
            .iter()
            .map(|node| node.parse())
            .collect::<Result<_, _>>()?)
    }

    /// Fingerprints of further transport keys to accept.
    pub(crate) fn node_keys(&self) -> &[Digest] {
        &self.node_keys
    }

    /// The genesis document's file.
    ///
    /// # Errors
    /// When none is named.
    pub(crate) fn genesis(&self) -> Result<&Path, SettingsError> {
        let missing = || self.missing("genesis document", "genesis", "CAIRN_GENESIS");
        self.genesis.as_deref().ok_or_else(missing)
    }

    /// The genesis document's file, if one is named.
    pub(crate) fn genesis_if_named(&self) -> Option<&Path> {
        self.genesis.as_deref()
    }

    /// The account's key file.
    ///
    /// # Errors
    /// When none is named.
    pub(crate) fn key(&self) -> Result<&Path, SettingsError> {
        let missing = || self.missing("account key", "key", "CAIRN_KEY");
        self.key.as_deref().ok_or_else(missing)
    }

    /// Earlier key files of the account.
    pub(crate) fn former_keys(&self) -> &[PathBuf] {
        &self.former_keys
    }

    /// The passphrase itself, from the environment.
    pub(crate) fn passphrase(&self) -> Option<&Zeroizing<String>> {
        self.passphrase.as_ref()
    }

    /// The file that holds the passphrase.
    pub(crate) fn passphrase_file(&self) -> Option<&Path> {
        self.passphrase_file.as_deref()
    }

    /// Where the newest header seen of each chain is kept.
    pub(crate) fn heads(&self) -> Option<HeadStore> {
        self.state
            .as_ref()
            .map(|state| HeadStore::new(state.join("heads")))
    }

    /// Where interrupted pushes are kept.
    pub(crate) fn resume_dir(&self) -> Option<PathBuf> {
        self.cache.as_ref().map(|cache| cache.join("push"))
    }

    fn missing(
        &self,
        what: &'static str,
        option: &'static str,
        variable: &'static str,
    ) -> SettingsError {
        let config = match &self.config {
            Some(path) => path.display().to_string(),
            None => "a configuration file (set HOME or XDG_CONFIG_HOME)".to_owned(),
        };
        SettingsError::Missing {
            what,
            option,
            variable,
            config,
        }
    }
}

/// A variable that has to be text; an empty one counts as none.
fn text(environment: Environment<'_>, name: &'static str) -> Result<Option<String>, SettingsError> {
    environment(name)
        .filter(|value| !value.is_empty())
        .map(|value| {
            value
                .into_string()
                .map_err(|_| SettingsError::NotText { name })
        })
        .transpose()
}

/// Cairn's folder under an XDG base directory. The specification has relative ones ignored.
fn xdg(environment: Environment<'_>, name: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute(name).or_else(|| Some(absolute("HOME")?.join(under_home)))?;
    Some(base.join("cairn"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    const FROM_FILE: &str = r#"
        nodes = ["cairn://file:1"]
        genesis = "file.json"
        key = "/absolute/file.key"
        passphrase_file = "file.pass"
        node_keys = ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
        former_keys = ["former.key"]
    "#;

    /// A home with this configuration file.
    fn home(config: &str) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".config/cairn");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), config).unwrap();
        home
    }

    fn resolve(
        home: &TempDir,
        options: &Global,
        set: &[(&str, &str)],
    ) -> Result<Settings, SettingsError> {
        let mut variables: BTreeMap<_, _> = set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        variables
            .entry("HOME".to_owned())
            .or_insert_with(|| home.path().into());
        Settings::new(options, &|name| variables.get(name).cloned())
    }

    const ENVIRONMENT: &[(&str, &str)] = &[
        ("CAIRN_NODES", "cairn://env:1, cairn://env:2"),
        ("CAIRN_GENESIS", "env.json"),
        ("CAIRN_KEY", "env.key"),
        ("CAIRN_PASSPHRASE_FILE", "env.pass"),
    ];

    #[test]
    fn the_file_is_used_where_nothing_else_says_so() {
        let home = home(FROM_FILE);
        let folder = home.path().join(".config/cairn");
        let settings = resolve(&home, &Global::default(), &[]).unwrap();
        assert_eq!(
            settings.nodes().unwrap(),
            ["cairn://file:1".parse().unwrap()]
        );
        assert_eq!(settings.genesis().unwrap(), folder.join("file.json"));
        assert_eq!(settings.key().unwrap(), Path::new("/absolute/file.key"));
        assert_eq!(
            settings.passphrase_file().unwrap(),
            folder.join("file.pass")
        );
        assert_eq!(settings.node_keys().len(), 1);
        assert_eq!(settings.former_keys(), [folder.join("former.key")]);
        assert_eq!(
            settings.resume_dir().unwrap(),
            home.path().join(".cache/cairn/push")
        );
        assert!(settings.heads().is_some());
    }

    #[test]
    fn the_environment_counts_more_than_the_file() {
        let home = home(FROM_FILE);
        let settings = resolve(&home, &Global::default(), ENVIRONMENT).unwrap();
        let nodes: Vec<Endpoint> = ["cairn://env:1", "cairn://env:2"]
            .map(|node| node.parse().unwrap())
            .to_vec();
        assert_eq!(settings.nodes().unwrap(), nodes);
        assert_eq!(settings.genesis().unwrap(), Path::new("env.json"));
        assert_eq!(settings.key().unwrap(), Path::new("env.key"));
        assert_eq!(settings.passphrase_file().unwrap(), Path::new("env.pass"));
    }

    #[test]
    fn the_command_line_counts_more_than_the_environment() {
        let options = Global {
            nodes: vec!["cairn://flag:1".to_owned()],
            genesis: Some("flag.json".into()),
            key: Some("flag.key".into()),
            passphrase_file: Some("flag.pass".into()),
            node_keys: vec![Digest::of(b"flag")],
            former_keys: vec!["flag-former.key".into()],
            ..Global::default()
        };
        let mut environment = ENVIRONMENT.to_vec();
        environment.push(("CAIRN_PASSPHRASE", "of the environment"));
        let settings = resolve(&home(FROM_FILE), &options, &environment).unwrap();
        assert_eq!(
            settings.nodes().unwrap(),
            ["cairn://flag:1".parse().unwrap()]
        );
        assert_eq!(settings.genesis().unwrap(), Path::new("flag.json"));
        assert_eq!(settings.key().unwrap(), Path::new("flag.key"));
        assert_eq!(settings.passphrase_file().unwrap(), Path::new("flag.pass"));
        assert!(settings.passphrase().is_none());
        assert_eq!(settings.node_keys(), [Digest::of(b"flag")]);
        assert_eq!(settings.former_keys(), [Path::new("flag-former.key")]);
    }

    #[test]
    fn a_passphrase_in_the_environment_counts_more_than_a_file_named_there() {
        let mut environment = ENVIRONMENT.to_vec();
        environment.push(("CAIRN_PASSPHRASE", "secret"));
        let settings = resolve(&home(""), &Global::default(), &environment).unwrap();
        assert_eq!(settings.passphrase().unwrap().as_str(), "secret");
    }

    #[test]
    fn an_empty_variable_counts_as_none() {
        let empty =
            ["CAIRN_NODES", "CAIRN_GENESIS", "CAIRN_KEY", "CAIRN_CONFIG"].map(|name| (name, ""));
        let settings = resolve(&home(FROM_FILE), &Global::default(), &empty).unwrap();
        assert_eq!(
            settings.nodes().unwrap(),
            ["cairn://file:1".parse().unwrap()]
        );
    }

    #[test]
    fn what_is_missing_is_named_with_every_way_to_give_it() {
        let home = home("");
        let settings = resolve(&home, &Global::default(), &[]).unwrap();
        assert!(matches!(settings.nodes(), Err(SettingsError::NoNodes)));
        let message = settings.key().unwrap_err().to_string();
        for way in [
            "--key FILE",
            "CAIRN_KEY",
            "key = ",
            ".config/cairn/config.toml",
        ] {
            assert!(message.contains(way), "{message}");
        }
    }

    #[test]
    fn a_named_configuration_file_must_exist_and_the_default_one_need_not() {
        let home = tempfile::tempdir().unwrap();
        let missing = Global {
            config: Some(home.path().join("none.toml")),
            ..Global::default()
        };
        assert!(matches!(
            resolve(&home, &missing, &[]),
            Err(SettingsError::Read { .. })
        ));
        assert!(resolve(&home, &Global::default(), &[]).is_ok());
        let by_variable = [("CAIRN_CONFIG", "/nonexistent/config.toml")];
        let resolved = resolve(&home, &Global::default(), &by_variable);
        assert!(matches!(resolved, Err(SettingsError::Read { .. })));
    }

    #[test]
    fn a_misspelt_or_mistyped_setting_is_an_error_that_names_the_file() {
        for wrong in [
            "nodez = []",
            "nodes = 1",
            "passphrase = \"x\"",
            "node_keys = [\"x\"]",
            "x",
        ] {
            let error = resolve(&home(wrong), &Global::default(), &[]).unwrap_err();
            assert!(matches!(error, SettingsError::Config { .. }), "{wrong}");
            assert!(error.to_string().contains("config.toml"), "{error}");
        }
        let long = home(&"#".repeat(70_000));
        let error = resolve(&long, &Global::default(), &[]).unwrap_err();
        assert!(matches!(error, SettingsError::TooLong { .. }));
    }

    #[test]
    fn a_node_that_is_no_address_is_told_when_nodes_are_needed() {
        let settings = resolve(
            &home(""),
            &Global::default(),
            &[("CAIRN_NODES", "http://a:1")],
        )
        .unwrap();
        assert!(matches!(settings.nodes(), Err(SettingsError::Node(_))));
    }

    #[test]
    fn relative_base_directories_are_ignored() {
        let home = home(FROM_FILE);
        let relative = [
            ("XDG_CONFIG_HOME", "elsewhere"),
            ("XDG_CACHE_HOME", "elsewhere"),
        ];
        let settings = resolve(&home, &Global::default(), &relative).unwrap();
        assert!(settings.genesis().is_ok());
        assert_eq!(
            settings.resume_dir().unwrap(),
            home.path().join(".cache/cairn/push")
        );
    }
}
