//! Faults while they last, and their end.

use crate::checks::Violation;
use crate::plan::TICK_MS;
use crate::simulation::{Event, Simulation};

/// The instance whose clock jumps.
const JUMPER: usize = 0;

impl Simulation {
    /// Honest nodes that are down.
    fn down(&self) -> usize {
        self.nodes
            .iter()
            .filter(|node| node.replica.is_none())
            .count()
    }

    /// Counts a point at which a crash may happen, and decides.
    fn crash_point(&mut self, node: usize) -> bool {
        self.nodes[node].points += 1;
        if self.plan.crash_at == Some((node, self.nodes[node].points)) {
            return true;
        }
        self.faulty
            && self.plan.faults.crash > 0
            && self.is_honest(node)
            && self.down() < self.plan.faults.max_down
            && self.crash_random.chance(self.plan.faults.crash)
    }

    pub(crate) fn crashes_before_write(&mut self, node: usize) -> Result<bool, Violation> {
        if self.faulty
            && self.is_honest(node)
            && self.down() < self.plan.faults.max_down
            && self.crash_random.chance(self.plan.faults.disk_error)
        {
            // A host whose disk fails stops. Nothing that depends on the write is sent.
            self.figures.disk_errors += 1;
            self.crash(node, "its disk fails")?;
            return Ok(true);
        }
        let crashes = self.crash_point(node);
        if crashes {
            self.figures.crash_before_write += 1;
            self.crash(node, "before a write")?;
        }
        Ok(crashes)
    }

    pub(crate) fn crashes_before_sync(&mut self, node: usize) -> Result<bool, Violation> {
        let crashes = self.crash_point(node);
        if crashes {
            self.figures.crash_before_sync += 1;
            self.crash(node, "between a write and its sync")?;
        }
        Ok(crashes)
    }

    pub(crate) fn crashes_after_sync(&mut self, node: usize) -> Result<bool, Violation> {
        let crashes = self.crash_point(node);
        if crashes {
            self.figures.crash_after_sync += 1;
            self.crash(node, "after a sync")?;
        }
        Ok(crashes)
    }

    pub(crate) fn crashes_before_send(&mut self, node: usize) -> Result<bool, Violation> {
        let crashes = self.crash_point(node);
        if crashes {
            self.figures.crash_between_sends += 1;
            self.crash(node, "before a send")?;
        }
        Ok(crashes)
    }

    /// Power is lost at one node, which comes back after a while.
    ///
    /// # Errors
    /// What it finds on its disk that should not be there.
    pub fn crash(&mut self, node: usize, when: &str) -> Result<(), Violation> {
        let written = self.nodes[node].disk.unsynced().len();
        // Luck may save the first of them.
        let kept = self.crash_random.below(written + 1);
        self.sync(node, kept)?;
        self.figures.writes_lost += (written - kept) as u64;
        self.nodes[node].crash();
        self.line(|| {
            format!("node {node} crashes {when}, {kept} of {written} unsynced writes survive")
        });
        self.figures.restarts += 1;
        let down = if self.crash_random.chance(500) {
            self.crash_random.between(1, 200)
        } else {
            self.crash_random.between(200, 6_000)
        };
        self.schedule(down, Event::Start { node });
        Ok(())
    }

    /// One tick.
    pub(crate) fn weather(&mut self) -> Result<(), Violation> {
        if !self.faulty {
            return Ok(());
        }
        self.schedule(TICK_MS, Event::Weather);
        let faults = self.plan.faults.clone();
        let n = self.nodes.len();
        if self.random.chance(faults.mend) {
            self.mend();
        }
        if n > 1 && self.random.chance(faults.one_way_cut) {
            let (from, to) = (self.random.below(n), self.random.below(n));
            if from != to {
                self.figures.one_way_cuts += 1;
                self.network.set_cut(from, to, true);
                self.line(|| format!("nothing passes from {from} to {to}"));
            }
        }
        if n > 1 && self.random.chance(faults.partition) {
            self.part();
        }
        if self.random.chance(faults.slow_spell) {
            let node = self.random.below(n);
            let slow = self.random.weighted(&[(1, 0), (1, 100), (1, 1_500)]);
            self.figures.slow_spells += u64::from(slow > 0);
            self.network.slowness[node] = slow;
            self.line(|| format!("node {node} is slow by {slow} ms"));
        }
        if self.random.chance(faults.clock_jump) && self.may_jump() {
            let node = JUMPER;
            let far = [(1, 3_000_i64), (1, 60_000), (1, 3_600_000)];
            let by = self.random.weighted(&far);
            let offset = if self.random.chance(500) { by } else { -by };
            self.nodes[node].clock.offset_ms = offset.max(-900_000);
            self.figures.clock_jumps += 1;
            self.line(|| format!("the clock of node {node} jumps by {offset} ms"));
        }
        if self.random.chance(faults.idle_crash) && self.down() < faults.max_down {
            let node = self.random.below(n);
            if self.nodes[node].replica.is_some() && self.is_honest(node) {
                self.figures.crash_idle += 1;
                self.crash(node, "at rest")?;
            }
        }
        if self.random.chance(faults.blackout) {
            self.figures.blackouts += 1;
            for node in 0..n {
                if self.nodes[node].replica.is_some() {
                    self.crash(node, "with all others")?;
                }
            }
        }
        Ok(())
    }

    /// Whether those whose clocks are right can still refuse a block. A quorum whose clocks are ahead takes the chain's
    /// time along with it, and the others have to wait until it has come: that is as it should be.
    fn may_jump(&self) -> bool {
        let plan = &self.plan;
        plan.seats.iter().all(|seats| {
            let total: u64 = seats.iter().map(|(_, power)| power).sum();
            let wrong: u64 = seats
                .iter()
                .filter(|(member, _)| *member == JUMPER || plan.byzantine.contains_key(member))
                .map(|(_, power)| power)
                .sum();
            3 * (total - wrong) >= total
        })
    }

    /// Two groups that do not hear each other.
    fn part(&mut self) {
        let n = self.nodes.len();
        let groups: Vec<bool> = (0..n).map(|_| self.random.chance(400)).collect();
        for from in 0..n {
            for to in 0..n {
                if from != to && groups[from] != groups[to] {
                    self.network.set_cut(from, to, true);
                }
            }
        }
        self.figures.partitions += 1;
        self.line(|| format!("the network falls in two: {groups:?}"));
    }

    /// All cuts end; some nodes notice that their connections are made again.
    fn mend(&mut self) {
        let n = self.nodes.len();
        let cut = std::mem::replace(&mut self.network.cut, vec![0; n]);
        self.line(|| "all ways are open".to_owned());
        for (from, cut) in cut.into_iter().enumerate() {
            for to in 0..n {
                if cut >> to & 1 == 1 && self.random.chance(500) {
                    self.connect(from, to);
                    self.connect(to, from);
                }
            }
        }
    }

    /// Ends all faults: everybody is up, hears everybody, and knows the time. Byzantine members stay what they are.
    ///
    /// # Errors
    /// What a replica does wrong at once.
    pub fn heal(&mut self) -> Result<(), Violation> {
        self.faulty = false;
        self.line(|| "the faults end".to_owned());
        self.mend();
        self.network.heal();
        for node in 0..self.nodes.len() {
            let offset = self.nodes[node].clock.offset_ms;
            let skew = i64::try_from(self.plan.skew_ms).unwrap_or(0);
            self.nodes[node].clock.offset_ms = offset.clamp(-skew, skew);
            self.nodes[node].late.clear();
            if self.nodes[node].replica.is_none() {
                self.schedule(0, Event::Start { node });
            }
        }
        Ok(())
    }
}
