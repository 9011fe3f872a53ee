//! Which catalogue a node keeps.

use cairn_catalogue::{
    Catalogue, CatalogueError, Dynamo, DynamoAddress, DynamoLimits, Embedded, Identity, Rows,
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Where the catalogue lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogueKind {
    /// In the data folder.
    #[default]
    Embedded,
    /// In a table of DynamoDB.
    DynamoDb,
    /// Nowhere: this node answers no searches.
    None,
}

/// The section `[catalogue]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogueConfig {
    /// Where it lies.
    pub kind: CatalogueKind,
    /// The table in DynamoDB, this node's own; by default `cairn-` and the node's name.
    pub table: Option<String>,
    /// Its region; by default `us-east-1`.
    pub region: Option<String>,
    /// The server, for anything but Amazon's own.
    pub endpoint: Option<String>,
}

impl CatalogueConfig {
    /// Which catalogue the node with this name keeps, for everybody: without paths and addresses.
    #[must_use]
    pub fn service(&self, node: &str) -> String {
        match self.kind {
            CatalogueKind::None => "none".to_owned(),
            CatalogueKind::Embedded => "a file of the node".to_owned(),
            CatalogueKind::DynamoDb => format!("table {} of DynamoDB", self.table_of(node)),
        }
    }

    fn table_of(&self, node: &str) -> String {
        let default = || format!("cairn-{node}");
        self.table.clone().unwrap_or_else(default)
    }

    /// The store of a node with this name and data folder; nothing where the node keeps no catalogue. To be cleared, it
    /// need not be sound.
    async fn rows(
        &self,
        node: &str,
        data_dir: &Path,
        to_clear: bool,
    ) -> Result<Option<Arc<dyn Rows>>, CatalogueError> {
        match self.kind {
            CatalogueKind::None => Ok(None),
            CatalogueKind::Embedded => {
                let folder = data_dir.join("catalogue");
                let name = folder.display().to_string();
                let open = if to_clear {
                    Embedded::replace
                } else {
                    Embedded::open
                };
                let opened = tokio::task::spawn_blocking(move || open(&folder)).await;
                let opened = opened.map_err(|error| CatalogueError::Unavailable {
                    catalogue: name,
                    reason: error.to_string(),
                });
                Ok(Some(Arc::new(opened??)))
            }
            CatalogueKind::DynamoDb => {
                let address = DynamoAddress {
                    table: self.table_of(node),
                    region: self
                        .region
                        .clone()
                        .unwrap_or_else(|| "us-east-1".to_owned()),
                    endpoint: self.endpoint.clone(),
                };
                let table = Dynamo::open(&address, None, DynamoLimits::default()).await?;
                Ok(Some(Arc::new(table)))
            }
        }
    }

    /// The catalogue of a node.
    pub(super) async fn open(
        &self,
        identity: Identity,
        data_dir: &Path,
    ) -> Result<Option<Catalogue>, CatalogueError> {
        match self.rows(&identity.node, data_dir, false).await? {
            Some(rows) => Catalogue::open(rows, identity).await.map(Some),
            None => Ok(None),
        }
    }

    /// An empty catalogue for a node, in place of whatever is there.
    pub(super) async fn create(
        &self,
        identity: Identity,
        data_dir: &Path,
    ) -> Result<Option<Catalogue>, CatalogueError> {
        match self.rows(&identity.node, data_dir, true).await? {
            Some(rows) => Catalogue::create(rows, identity).await.map(Some),
            None => Ok(None),
        }
    }
}
