//! Accounts that send transactions until they are told to stop, and what they were told became final.

use crate::{Account, Network};
use cairn_runtime::Operation;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Transactions that are on their way all the time: each account sends one, waits until it is final, and
/// sends the next.
pub struct Load {
    stop: Arc<AtomicBool>,
    counted: Arc<AtomicUsize>,
    finals: Arc<Mutex<BTreeMap<String, serde_json::Value>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts one thread for each account; thread `n` speaks to the `n`-th running validator. `prefix` begins the names of
    /// the namespaces that are created.
    #[must_use]
    pub fn start(network: &Network, accounts: usize, prefix: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let counted = Arc::new(AtomicUsize::new(0));
        let finals = Arc::new(Mutex::new(BTreeMap::new()));
        let running = network.running();
        let threads = (0..accounts)
            .map(|number| {
                let account = network.account(&format!("load-{number:03}"));
                let mut api = network.api(running[number % running.len()]);
                let name = format!("{prefix}-{number}");
                let (stop, counted, finals) =
                    (Arc::clone(&stop), Arc::clone(&counted), Arc::clone(&finals));
                std::thread::spawn(move || {
                    let mut ordinal = 0;
                    while !stop.load(Ordering::Relaxed) {
                        ordinal += 1;
                        let status = match send(&account, &mut api, format!("{name}-{ordinal}")) {
                            Ok(Some(status)) => status,
                            Ok(None) => continue,
                            // The validator was killed: that is what these tests are about.
                            Err(_) => return,
                        };
                        let hash = status["tx_hash"].as_str().unwrap_or_default().to_owned();
                        finals
                            .lock()
                            .expect("no thread panics with the lock")
                            .insert(hash, status);
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self {
            stop,
            counted,
            finals,
            threads,
        }
    }

    /// How many transactions were reported final so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counted.load(Ordering::Relaxed)
    }

    /// Stops, and returns what was reported final: the `TransactionStatus` of each transaction by its hash.
    ///
    /// # Panics
    /// When a thread panicked.
    #[must_use]
    pub fn stop(self) -> BTreeMap<String, serde_json::Value> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no thread of the load panics");
        }
        let mut finals = self.finals.lock().expect("no thread panics with the lock");
        std::mem::take(&mut *finals)
    }
}

fn send(
    account: &Account,
    api: &mut crate::Api,
    namespace: String,
) -> std::io::Result<Option<serde_json::Value>> {
    let (nonce, expiry) = account.next(api)?;
    let ops = vec![Operation::CreateNamespace { namespace }];
    let bytes = account.sign(account.transaction(nonce, expiry, ops));
    let reply = api.submit("?wait=final&timeout_s=60", &bytes)?;
    Ok((reply.status == 200).then(|| reply.json()))
}
