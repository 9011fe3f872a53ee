//! Who is passed over as a leader, for having failed.
//!
//! The rounds of an epoch are divided into terms of [`TERM`] rounds. A validator that led a round of the term and got no
//! block certified in it is passed over for the rest of the term, and tried again in the next: its turns go to the
//! others. At most `f` of the power is passed over, those first whose failure is the latest.
//!
//! This has to be the same everywhere, so it is read from the chain alone. A block of round `b` on a parent of
//! round `a` says that the leaders of rounds `a + 1` to `b - 1` failed; a block says that its proposer did not. A
//! block of height `h` looks at its ancestors of heights up to `h - LAG`: those are final nearly always, so that
//! whose turn it is hardly ever depends on blocks that somebody has not seen. Blocks of other epochs and terms
//! do not count, so that the last [`TERM`] headers are all that a node needs to know.

use crate::leader::{leader, leader_without};
use crate::{Epoch, Header, Height, Round, ValidatorIndex, ValidatorSet};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rounds after which everybody gets another chance. A leader that stays away costs one round in each term.
pub(crate) const TERM: u64 = 4096;

/// A block's leader depends on ancestors at least so many heights below it.
pub(crate) const LAG: u64 = 10;

/// Who has failed since its last success, and in which round, by what the chain says up to one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    failed: BTreeMap<ValidatorIndex, Round>,
}

fn term(round: Round) -> u64 {
    round.0 / TERM
}

impl Standing {
    fn skipped(&self, set: &ValidatorSet, round: Round) -> BTreeSet<ValidatorIndex> {
        let mut failed: Vec<(Reverse<Round>, ValidatorIndex)> = self
            .failed
            .iter()
            .filter(|(_, at)| term(**at) == term(round))
            .map(|(index, at)| (Reverse(*at), *index))
            .collect();
        failed.sort_unstable();
        let mut allowed = set.faulty_power();
        let mut skipped = BTreeSet::new();
        for (_, index) in failed {
            if let Some(rest) = allowed.checked_sub(set.power(index)) {
                allowed = rest;
                skipped.insert(index);
            }
        }
        skipped
    }

    /// The leader of a round.
    pub(crate) fn leader(&self, set: &ValidatorSet, epoch: Epoch, round: Round) -> ValidatorIndex {
        let usual = leader(set, epoch, round);
        if !self.failed.contains_key(&usual) {
            return usual;
        }
        leader_without(set, &self.skipped(set, round), epoch, round)
    }

    /// What a block adds to this, its parent's. `then` is the standing by which its round's leader was found.
    fn after(&self, header: &Header, then: &Self, set: &ValidatorSet) -> Self {
        let mut failed = self.failed.clone();
        let first = Round(term(header.round) * TERM);
        failed.retain(|_, at| *at >= first);
        for round in header.parent_round.next().max(first).0..header.round.0 {
            let leader = then.leader(set, header.epoch, Round(round));
            failed.insert(leader, Round(round));
        }
        if let Some(proposer) = set.index_of(&header.proposer) {
            failed.remove(&proposer);
        }
        Self { failed }
    }
}

/// The standings along a chain of one epoch, by height: as many as the next blocks look at.
#[derive(Clone, Debug)]
pub(crate) struct Standings {
    epoch: Epoch,
    validators: ValidatorSet,
    by_height: BTreeMap<Height, Arc<Standing>>,
}

impl Standings {
    /// Of a chain whose last blocks these are. Those of other epochs are passed by.
    pub(crate) fn new(epoch: Epoch, validators: ValidatorSet, recent: &[Header]) -> Self {
        let mut standings = Self {
            epoch,
            validators,
            by_height: BTreeMap::new(),
        };
        let mut recent: Vec<&Header> = recent.iter().collect();
        recent.sort_unstable_by_key(|header| header.height);
        for header in recent {
            let standing = standings.after(None, header, None);
            standings.push(header.height, standing);
        }
        standings
    }

    /// The standing up to a final block; nobody has failed if it is of an earlier epoch.
    pub(crate) fn at(&self, height: Height) -> Arc<Standing> {
        self.by_height.get(&height).cloned().unwrap_or_default()
    }

    /// The standing up to `header`, by its parent's and by that of the ancestor that it looks at; without them, by
    /// those of the final blocks there.
    pub(crate) fn after(
        &self,
        parent: Option<&Arc<Standing>>,
        header: &Header,
        then: Option<&Arc<Standing>>,
    ) -> Arc<Standing> {
        if header.epoch != self.epoch {
            return Arc::default();
        }
        let parent = parent.map_or_else(|| self.at(header.height.previous()), Arc::clone);
        let then = then.map_or_else(|| self.at(looked_at(header.height)), Arc::clone);
        Arc::new(parent.after(header, &then, &self.validators))
    }

    /// One more final block.
    pub(crate) fn push(&mut self, height: Height, standing: Arc<Standing>) {
        self.by_height.insert(height, standing);
        while self.by_height.len() as u64 > LAG + 1 {
            self.by_height.pop_first();
        }
    }

    /// Who leads a round by a standing.
    pub(crate) fn leader(&self, standing: &Standing, round: Round) -> ValidatorIndex {
        standing.leader(&self.validators, self.epoch, round)
    }
}

/// The height up to which a block's ancestors say who leads.
pub(crate) fn looked_at(height: Height) -> Height {
    Height(height.0.saturating_sub(LAG))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{BlockId, Validator};
    use cairn_crypto::{Digest, Seed, SigningKey};
    use proptest::prelude::*;
    use std::sync::OnceLock;

    fn set() -> &'static ValidatorSet {
        static SET: OnceLock<ValidatorSet> = OnceLock::new();
        SET.get_or_init(|| {
            let members = (0..10u64).map(|index| {
                let id = Digest::of(&index.to_le_bytes());
                let seed = Seed::new(*id.as_bytes());
                let key = SigningKey::from_seed(&seed).unwrap().public_key().clone();
                Validator { id, key, power: 1 }
            });
            ValidatorSet::new(members.collect()).unwrap()
        })
    }

    /// A chain as its leaders build it, while those of a round for whom `fails` says so do not.
    struct Chain {
        headers: Vec<Header>,
        standings: Standings,
        round: Round,
        /// Who led each round.
        leaders: Vec<ValidatorIndex>,
    }

    impl Chain {
        fn new() -> Self {
            let genesis = Header::genesis(Digest::ZERO, 0, Digest::ZERO, set());
            let standings = Standings::new(Epoch(0), set().clone(), std::slice::from_ref(&genesis));
            Self {
                headers: vec![genesis],
                standings,
                round: Round(0),
                leaders: Vec::new(),
            }
        }

        fn leader(&self, round: Round) -> ValidatorIndex {
            let height = Height(self.headers.len() as u64);
            let standing = self.standings.at(looked_at(height));
            self.standings.leader(&standing, round)
        }

        fn play(&mut self, rounds: u64, fails: impl Fn(Round, ValidatorIndex) -> bool) {
            for _ in 0..rounds {
                self.round = self.round.next();
                let leader = self.leader(self.round);
                self.leaders.push(leader);
                if fails(self.round, leader) {
                    continue;
                }
                let parent = self.headers.last().unwrap();
                let header = Header {
                    round: self.round,
                    height: parent.height.next(),
                    parent: BlockId(Digest::ZERO),
                    parent_round: parent.round,
                    proposer: set().get(leader).unwrap().id,
                    ..parent.clone()
                };
                let standing = self.standings.after(None, &header, None);
                self.standings.push(header.height, standing);
                self.headers.push(header);
            }
        }
    }

    #[test]
    fn a_leader_that_fails_is_passed_over_until_the_next_term() {
        let mut chain = Chain::new();
        let stopped = [ValidatorIndex(2), ValidatorIndex(5), ValidatorIndex(8)];
        chain.play(2 * TERM - 1, |_, leader| stopped.contains(&leader));
        for index in stopped {
            let turns = |rounds: &[ValidatorIndex]| {
                rounds.iter().filter(|leader| **leader == index).count()
            };
            let (first, second) = chain.leaders.split_at(usize::try_from(TERM).unwrap() - 1);
            assert!(
                (1..=3).contains(&turns(first)),
                "{index} led {} rounds",
                turns(first)
            );
            assert!((1..=3).contains(&turns(second)), "and is tried again");
        }
        let failed = 2 * TERM - 1 - (chain.headers.len() as u64 - 1);
        assert!(failed <= 18, "{failed} rounds failed");
    }

    #[test]
    fn whoever_comes_back_leads_as_before_from_the_next_term_on() {
        let mut chain = Chain::new();
        let stopped = ValidatorIndex(4);
        chain.play(TERM, |round, leader| leader == stopped && round.0 < 100);
        chain.play(TERM, |_, _| false);
        let second = &chain.leaders[usize::try_from(TERM).unwrap()..];
        let turns = second.iter().filter(|leader| **leader == stopped).count();
        assert!(turns as u64 >= TERM / 10 - 2, "{turns}");
    }

    #[test]
    fn no_more_than_f_are_passed_over() {
        let mut chain = Chain::new();
        chain.play(200, |_, leader| leader.0 < 5);
        for round in 201..400 {
            let standing = chain.standings.at(Height(chain.headers.len() as u64 - 1));
            assert!(standing.skipped(set(), Round(round)).len() <= 3);
        }
    }

    proptest! {
        #[test]
        fn the_last_headers_say_all(failures in proptest::collection::vec(any::<bool>(), 1..400), rounds in 1..3 * TERM, more in 0usize..50) {
            let mut chain = Chain::new();
            let fails = |round: Round, leader: ValidatorIndex| {
                let at = usize::try_from(round.0).unwrap() % failures.len();
                failures[at] && leader.0.is_multiple_of(3)
            };
            chain.play(rounds, fails);
            let needed = usize::try_from(TERM).unwrap() + more;
            let from = chain.headers.len().saturating_sub(needed);
            let known = Standings::new(Epoch(0), set().clone(), &chain.headers[from..]);
            let last = chain.headers.last().unwrap().height;
            for back in 0..=LAG.min(last.0) {
                let height = Height(last.0 - back);
                for ahead in 1..100 {
                    let round = Round(chain.round.0 + ahead);
                    prop_assert_eq!(
                        known.leader(&known.at(height), round),
                        chain.standings.leader(&chain.standings.at(height), round)
                    );
                }
            }
        }
    }
}
