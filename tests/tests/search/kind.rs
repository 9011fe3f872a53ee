//! Where a catalogue lies, and what can happen to it there.

use crate::dynamo_server::DynamoServer;
use cairn_node::catalogue::{CatalogueConfig, CatalogueKind};
use cairn_tests::{Network, until};
use std::path::PathBuf;

use crate::PATIENCE;

/// A kind of catalogue, of one validator.
pub(crate) enum Kind {
    /// A file of the validator's.
    Embedded,
    /// A table of a server.
    Dynamo(DynamoServer),
}

fn file(network: &Network, node: usize) -> PathBuf {
    let data = network.layout().validator(node).join("data");
    data.join("catalogue").join("catalogue.redb")
}

impl Kind {
    /// Has a validator that runs keep its catalogue here.
    pub(crate) fn set_up(&self, network: &mut Network, node: usize) {
        let Self::Dynamo(server) = self else {
            return;
        };
        network.terminate(node, PATIENCE);
        network.set_environment("AWS_ACCESS_KEY_ID", "key");
        network.set_environment("AWS_SECRET_ACCESS_KEY", "secret");
        let config = CatalogueConfig {
            kind: CatalogueKind::DynamoDb,
            endpoint: Some(format!("http://{}", server.at)),
            ..CatalogueConfig::default()
        };
        network.set_catalogue(node, config);
        network.launch(node);
        network.wait_for_peers();
    }

    /// What the node says of it to everybody.
    pub(crate) fn service(&self) -> &'static str {
        match self {
            Self::Embedded => "a file of the node",
            Self::Dynamo(_) => "table cairn-validator-03 of DynamoDB",
        }
    }

    /// Takes away everything that a validator that does not run has written.
    pub(crate) fn lose(&mut self, network: &Network, node: usize) {
        match self {
            Self::Embedded => std::fs::remove_file(file(network, node)).unwrap(),
            Self::Dynamo(server) => {
                server.kill();
                server.empty();
                server.start_again();
            }
        }
    }

    /// Makes the catalogue of a validator that runs fail: its file is damaged, its service ends in the middle.
    pub(crate) fn spoil(&mut self, network: &mut Network, node: usize) {
        match self {
            Self::Embedded => {
                network.terminate(node, PATIENCE);
                std::fs::write(file(network, node), "nothing that was written").unwrap();
                network.launch(node);
            }
            Self::Dynamo(server) => server.kill(),
        }
    }

    /// Makes good what [`Kind::spoil`] did, in the way of an operator.
    pub(crate) fn mend(&mut self, network: &mut Network, node: usize) {
        match self {
            Self::Embedded => {
                network.terminate(node, PATIENCE);
                crate::rebuild(network, node).expect_code(0);
                network.launch(node);
            }
            Self::Dynamo(server) => server.start_again(),
        }
    }
}

/// Waits until a validator says that its catalogue cannot be searched, and which one that is; never where that is.
pub(crate) fn expect_unavailable(network: &Network, node: usize, kind: &Kind) {
    until(PATIENCE, "the catalogue is out of order", || {
        let reply = network.api(node).get("/v1/search").ok()?;
        if reply.status == 200 {
            return None;
        }
        reply.expect_problem(503, "catalogue_unavailable");
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(
            !body.contains("127.0.0.1") && !body.contains("redb"),
            "{body}"
        );
        assert_eq!(reply.json()["values"]["catalogue"], kind.service());
        body.contains(&format!("({}) is not available", kind.service()))
            .then_some(())
    });
}
