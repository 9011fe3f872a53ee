//! Time to finality when every link between validators has a delay: a relay on each of them hands every byte over
//! that much later, in order, and with all the bandwidth there is.

use crate::devnet::Devnet;
use crate::sender::{Crowd, percentile};
use anyhow::Context;
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Pieces on their way in one direction of one connection.
const ON_THE_WAY: usize = 4_096;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Links {
    /// How many validators.
    pub(crate) validators: usize,
    /// Delay of every link, one way, milliseconds.
    pub(crate) delay_ms: u64,
    /// Mean time from a proposal to its finality, all validators, without the delay: what the machine needs,
    /// milliseconds.
    pub(crate) undelayed_ms: f64,
    /// The same with the delay, milliseconds.
    pub(crate) delayed_ms: f64,
    /// Delays that a block takes from its proposal to its finality: the difference of the two, divided by the delay.
    pub(crate) delays: f64,
    /// Median time from a client's submission to finality, milliseconds: one delay more unless the node that was
    /// asked is the leader.
    pub(crate) client_median_ms: f64,
}

impl std::fmt::Display for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "n = {}, links of {} ms: proposal to finality {:.0} ms, without delays {:.0} ms: {:.2} delays; a client waits {:.0} ms",
            self.validators,
            self.delay_ms,
            self.delayed_ms,
            self.undelayed_ms,
            self.delays,
            self.client_median_ms
        )
    }
}

/// Measures a network of four with and without the delay.
pub(crate) async fn measure(base_port: u16, delay: Duration) -> anyhow::Result<Links> {
    let validators = 4;
    let (undelayed, _) = finality(base_port, Duration::ZERO, validators).await?;
    let (delayed, probes) = finality(base_port, delay, validators).await?;
    let delay_ms = delay.as_secs_f64() * 1e3;
    Ok(Links {
        validators,
        delay_ms: delay_ms as u64,
        undelayed_ms: undelayed,
        delayed_ms: delayed,
        delays: (delayed - undelayed) / delay_ms,
        client_median_ms: percentile(&probes, 0.5),
    })
}

/// Mean milliseconds from a block's timestamp to its finality on every node, and the clients' waits.
async fn finality(
    base_port: u16,
    delay: Duration,
    validators: usize,
) -> anyhow::Result<(f64, Vec<f64>)> {
    let mut network = Devnet::prepare(validators, base_port)?;
    for index in 0..validators {
        let mut config = network.config(index)?;
        for peer in &mut config.peers {
            peer.consensus = relay(peer.consensus, delay).await?;
            peer.data = relay(peer.data, delay).await?;
        }
        network.write_config(index, &config)?;
    }
    network.launch()?;
    let mut crowd = Crowd::prepare(&network).await?;
    let all: Vec<usize> = (0..validators).collect();
    let before = network.finality_totals()?;
    let probes = crowd.probe(&network, &all, 60).await?;
    let after = network.finality_totals()?;
    let mean = (after.0 - before.0) / (after.1 - before.1) * 1e3;
    Ok((mean, probes))
}

/// Begins to relay to `target`; returns where.
async fn relay(target: SocketAddr, delay: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr().context("no address")?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(server) = TcpStream::connect(target).await {
                    let _nodelay = (client.set_nodelay(true), server.set_nodelay(true));
                    let (client_in, client_out) = client.into_split();
                    let (server_in, server_out) = server.into_split();
                    // Whichever direction ends, both connections are dropped.
                    tokio::select! {
                        () = pass(client_in, server_out, delay) => {}
                        () = pass(server_in, client_out, delay) => {}
                    }
                }
            });
        }
    });
    Ok(address)
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    delay: Duration,
) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let piece = (Instant::now() + delay, buffer[..count].to_vec());
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((at, piece)) = pieces.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
