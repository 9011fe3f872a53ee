//! How much memory and how many threads the database may use.

use crate::schema::Table;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, Env,
    LogLevel, Options, SliceTransform,
};

/// Settings of a [`Store`](crate::Store). The defaults suit 32 nodes on one machine; a validator with a
/// machine of its own may give the cache a good part of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Memory for blocks read from disk, in MiB.
    pub block_cache_mib: usize,
    /// Memory for writes that are not in sorted files yet (they are in the log), in MiB, of all tables together.
    pub write_buffer_mib: usize,
    /// Size of the log at which the oldest write buffer is written out, in MiB; bounds the time to start.
    pub max_log_mib: u64,
    /// Sorted files kept open.
    pub max_open_files: i32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            block_cache_mib: 64,
            write_buffer_mib: 16,
            max_log_mib: 64,
            max_open_files: 256,
        }
    }
}

impl StoreOptions {
    /// Settings of the whole database.
    pub(crate) fn database(&self) -> Result<Options, rocksdb::Error> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_paranoid_checks(true);
        // An incomplete record at the log's end is a write that was never acknowledged. Anything else that is wrong
        // with the log is damage: to stop reading there, as the default does, would forget a vote.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_max_total_wal_size(self.max_log_mib << 20);
        options.set_db_write_buffer_size(self.write_buffer_mib << 20);
        options.set_max_open_files(self.max_open_files);
        // One thread to flush and one to compact, shared by all stores of the process.
        let mut env = Env::new()?;
        env.set_background_threads(1);
        env.set_high_priority_background_threads(1);
        options.set_env(&env);
        options.set_max_background_jobs(2);
        options.set_skip_stats_update_on_db_open(true);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        Ok(options)
    }

    /// Every table with its settings.
    pub(crate) fn tables(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.block_cache_mib << 20);
        Table::ALL
            .iter()
            .map(|table| ColumnFamilyDescriptor::new(table.name(), self.table(*table, &cache)))
            .collect()
    }

    fn table(&self, table: Table, cache: &Cache) -> Options {
        let mut options = Options::default();
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_bloom_filter(10.0, false);
        // The total is bounded by the database's write buffer; a single table may use half of it.
        options.set_write_buffer_size((self.write_buffer_mib << 20).div_ceil(2));
        options.set_compression_type(match table {
            // Signatures, keys and hashes do not compress; trying costs time on every flush.
            Table::Meta | Table::Bodies | Table::Certificates | Table::Nodes | Table::Index => {
                DBCompressionType::None
            }
            Table::Chain | Table::Values => DBCompressionType::Lz4,
        });
        match table {
            Table::Bodies => {
                // A body is never changed: kept apart from its key, it is not copied whenever keys are merged.
                options.set_enable_blob_files(true);
                options.set_min_blob_size(1 << 10);
                options.set_blob_file_size(64 << 20);
            }
            Table::Values => {
                // All heights of one value share its key hash, and readers seek within it.
                options.set_prefix_extractor(SliceTransform::create_fixed_prefix(32));
                options.set_memtable_prefix_bloom_ratio(0.05);
            }
            _ => {}
        }
        options.set_block_based_table_factory(&blocks);
        options
    }
}
