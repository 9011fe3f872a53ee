//! What a seed stands for: a network, its members, and the faults that it is to suffer.

use crate::behaviour::Kind;
use crate::committee::Seats;
use crate::network::RoundPartitions;
use crate::random::Random;
use crate::signing::{MEMBERS, Scheme};
use std::collections::BTreeMap;

/// How often faults happen; all in a thousand.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// At each write and each message sent by an honest node: it crashes.
    pub crash: u64,
    /// At each tick: an honest node crashes at rest.
    pub idle_crash: u64,
    /// At each tick: everybody crashes.
    pub blackout: u64,
    /// At each write: it fails, and the node stops.
    pub disk_error: u64,
    /// At each tick: one direction between two nodes is cut.
    pub one_way_cut: u64,
    /// At each tick: the network falls in two.
    pub partition: u64,
    /// At each tick: all cuts end.
    pub mend: u64,
    /// At each tick: a clock jumps.
    pub clock_jump: u64,
    /// At each tick: a node becomes slow, or recovers.
    pub slow_spell: u64,
    /// For each transaction and node: it comes late.
    pub late_payload: u64,
    /// At most so many honest nodes are down at once, but for a blackout.
    pub max_down: usize,
}

/// Milliseconds between two ticks of the weather.
pub const TICK_MS: u64 = 250;

/// A whole scenario.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything random in the run comes from it.
    pub seed: u64,
    /// Which signatures.
    pub scheme: Scheme,
    /// Seats of each epoch.
    pub seats: Vec<Seats>,
    /// How many members there are, seated or not.
    pub members: usize,
    /// Members of which there are two instances.
    pub twins: Vec<usize>,
    /// Members that break the rules, and how.
    pub byzantine: BTreeMap<usize, Vec<Kind>>,
    /// Members that are never there.
    pub absent: Vec<usize>,
    /// What goes wrong.
    pub faults: Faults,
    /// How long it does, in milliseconds.
    pub fault_ms: u64,
    /// Shortest and longest way of a message.
    pub delay_ms: (u64, u64),
    /// Messages lost, duplicated, and held up, in a thousand.
    pub loss: u64,
    /// See `loss`.
    pub duplicate: u64,
    /// See `loss`.
    pub hold: u64,
    /// For how long messages are held up.
    pub max_hold_ms: u64,
    /// Mean time between transactions; none without any.
    pub transaction_ms: Option<u64>,
    /// Mean time between attempts to change the validator set.
    pub epoch_ms: Option<u64>,
    /// Per instance: how long writes are gathered before one sync; none for a sync each.
    pub group_commit_ms: Vec<Option<u64>>,
    /// Largest lasting error of a clock.
    pub skew_ms: u64,
    /// Divides the first rounds, for Twins.
    pub partitions: Option<RoundPartitions>,
    /// A crash of an instance at exactly this write or message.
    pub crash_at: Option<(usize, u64)>,
    /// Final blocks wanted after the faults have ended.
    pub goal: u64,
}

impl Plan {
    /// A network of `n` equal members on which nothing bad happens.
    #[must_use]
    pub fn calm(seed: u64, n: usize) -> Self {
        Self {
            seed,
            scheme: Scheme::Stub,
            seats: vec![(0..n).map(|member| (member, 1)).collect()],
            members: n,
            twins: Vec::new(),
            byzantine: BTreeMap::new(),
            absent: Vec::new(),
            faults: Faults::default(),
            fault_ms: 1_000,
            delay_ms: (1, 10),
            loss: 0,
            duplicate: 0,
            hold: 0,
            max_hold_ms: 0,
            transaction_ms: Some(50),
            epoch_ms: None,
            group_commit_ms: vec![None; n],
            skew_ms: 0,
            partitions: None,
            crash_at: None,
            goal: 10,
        }
    }

    /// The scenario of a seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let n = random.weighted(&[
            (1, 1),
            (1, 2),
            (2, 3),
            (60, 4),
            (6, 5),
            (4, 6),
            (14, 7),
            (2, 9),
            (6, 10),
            (2, 13),
        ]);
        let n = if seed % 500 == 250 { 32 } else { n };
        let mut plan = Self::calm(seed, n);
        if seed % 200 == 100 && n <= 7 {
            plan.scheme = Scheme::MlDsa87;
        }
        plan.seat(&mut random, n);
        plan.choose_byzantine(&mut random);
        plan.choose_network(&mut random);
        plan.choose_faults(&mut random, n);
        plan.fault_ms = if n > 13 {
            random.between(1_000, 4_000)
        } else {
            random.between(3_000, 15_000)
        };
        plan.transaction_ms = Some(random.weighted(&[(3, 20), (3, 60), (2, 200), (1, 1_500)]));
        plan.group_commit_ms = (0..plan.members)
            .map(|_| random.chance(400).then(|| random.between(1, 30)))
            .collect();
        plan.skew_ms = random.weighted(&[(1, 0), (2, 100), (1, 800)]);
        plan
    }

    /// Power, and how the set changes.
    fn seat(&mut self, random: &mut Random, n: usize) {
        let unequal = random.chance(250);
        let power = |random: &mut Random| {
            if unequal { random.between(1, 10) } else { 1 }
        };
        let first: Seats = (0..n).map(|member| (member, power(random))).collect();
        self.seats = vec![first];
        let epochs = random.weighted(&[(5, 0), (2, 1), (2, 3), (1, 6)]);
        for _ in 0..epochs {
            let last = self.seats.last().cloned().unwrap_or_default();
            let next = self.next_seats(random, &last, unequal);
            self.seats.push(next);
        }
        if epochs > 0 {
            self.epoch_ms = Some(random.weighted(&[(1, 500), (2, 2_000), (1, 6_000)]));
        }
    }

    /// One change: somebody comes, goes, or has another power.
    fn next_seats(&mut self, random: &mut Random, last: &Seats, unequal: bool) -> Seats {
        let mut seats = last.clone();
        match random.below(4) {
            0 if self.members < MEMBERS.min(40) => {
                seats.push((self.members, 1));
                self.members += 1;
            }
            1 if seats.len() > 4 => {
                seats.remove(random.below(seats.len()));
            }
            2 if self.members < MEMBERS.min(40) && seats.len() > 1 => {
                let place = random.below(seats.len());
                seats[place] = (self.members, 1);
                self.members += 1;
            }
            _ if unequal => {
                let place = random.below(seats.len());
                seats[place].1 += 1;
            }
            _ => seats.rotate_left(1),
        }
        if seats == *last {
            let place = seats.len() - 1;
            seats[place].1 += 1;
        }
        seats
    }

    /// Whether less than a third of the power of every epoch breaks the rules.
    fn is_tolerated(&self, byzantine: &BTreeMap<usize, Vec<Kind>>) -> bool {
        self.seats.iter().all(|seats| {
            let total: u64 = seats.iter().map(|(_, power)| power).sum();
            let bad: u64 = seats
                .iter()
                .filter(|(member, _)| byzantine.contains_key(member))
                .map(|(_, power)| power)
                .sum();
            3 * bad < total
        })
    }

    fn choose_byzantine(&mut self, random: &mut Random) {
        if random.chance(350) {
            return;
        }
        for _ in 0..self.members * 2 {
            let member = random.below(self.members);
            let kinds = random.weighted(&[(5, 1), (3, 2), (1, 3)]);
            let kinds = (0..kinds)
                .map(|_| Kind::ALL[random.below(Kind::ALL.len())])
                .collect();
            let mut with = self.byzantine.clone();
            with.entry(member).or_insert(kinds);
            if self.is_tolerated(&with) {
                self.byzantine = with;
            }
        }
    }

    fn choose_network(&mut self, random: &mut Random) {
        self.delay_ms = random.weighted(&[
            (3, (1, 5)),
            (4, (1, 40)),
            (2, (1, 200)),
            (1, (20, 800)),
            (1, (1, 2_500)),
        ]);
        self.loss = random.weighted(&[(3, 0), (2, 20), (2, 100), (1, 300)]);
        self.duplicate = random.weighted(&[(1, 0), (1, 50), (1, 300)]);
        self.hold = random.weighted(&[(2, 0), (2, 30), (1, 150)]);
        self.max_hold_ms = random.weighted(&[(1, 500), (1, 3_000), (1, 10_000)]);
    }

    fn choose_faults(&mut self, random: &mut Random, n: usize) {
        let mut rate = |most: u64| {
            if random.chance(500) {
                0
            } else {
                random.between(1, most)
            }
        };
        self.faults = Faults {
            crash: rate(12),
            idle_crash: rate(60),
            blackout: rate(10),
            disk_error: rate(10),
            one_way_cut: rate(150),
            partition: rate(100),
            mend: rate(200) + 20,
            clock_jump: rate(60),
            slow_spell: rate(60),
            late_payload: rate(100),
            max_down: 1,
        };
        let most = random.weighted(&[(2, 1), (1, n.div_ceil(3)), (1, n)]);
        self.faults.max_down = most;
    }
}
