//! Messages on their way.

use crate::behaviour::Audience;
use crate::checks::Violation;
use crate::network::Fate;
use crate::signing;
use crate::simulation::{Event, Simulation};
use crate::trace;
use cairn_consensus::{Admission, Input, Message, ValidatorSet, Verified};
use cairn_crypto::Digest;
use std::cell::RefCell;
use std::rc::Rc;

type Verdict = Result<Verified<Message>, String>;

/// A message that is shared by its receivers: each would check the same bytes against the same set, so it is
/// checked once.
#[derive(Debug)]
pub(crate) struct Parcel {
    message: Message,
    verdict: RefCell<Option<(Digest, Verdict)>>,
}

impl Parcel {
    fn new(message: Message) -> Rc<Self> {
        Rc::new(Self {
            message,
            verdict: RefCell::new(None),
        })
    }

    fn verified(&self, set: &ValidatorSet, chain_id: &Digest, scheme: signing::Scheme) -> Verdict {
        let mut verdict = self.verdict.borrow_mut();
        if let Some((hash, verdict)) = &*verdict
            && *hash == set.hash()
        {
            return verdict.clone();
        }
        let checked = self
            .message
            .clone()
            .verify_with(set, chain_id, &scheme)
            .map_err(|error| error.to_string());
        *verdict = Some((set.hash(), checked.clone()));
        checked
    }
}

impl Simulation {
    /// A replica says something: a Byzantine member may turn it into something else.
    pub(crate) fn say(
        &mut self,
        node: usize,
        to: Audience,
        message: Message,
    ) -> Result<(), Violation> {
        if !self.nodes[node].is_byzantine() {
            return self.transmit(node, to, message);
        }
        let mut behaviours = std::mem::take(&mut self.nodes[node].behaviours);
        let mut said = vec![(to, message)];
        if self.nodes[node]
            .replica
            .as_ref()
            .is_some_and(|replica| replica.me().is_some())
        {
            for behaviour in &mut behaviours {
                let before = std::mem::take(&mut said);
                said = self.scene(node, |scene| {
                    for (to, message) in before {
                        behaviour.say(scene, to, message);
                    }
                });
            }
        }
        self.nodes[node].behaviours = behaviours;
        for (to, message) in said {
            self.transmit(node, to, message)?;
        }
        Ok(())
    }

    /// Puts a message on its ways.
    pub(crate) fn transmit(
        &mut self,
        from: usize,
        to: Audience,
        message: Message,
    ) -> Result<(), Violation> {
        if !self.is_honest(from) {
            self.checks.exists(&message)?;
        }
        let parcel = Parcel::new(message);
        self.line(|| format!("{from} -> {to:?}: {}", trace::describe(&parcel.message)));
        let round = self.nodes[from]
            .replica
            .as_ref()
            .map_or(0, |replica| replica.round().0);
        for receiver in 0..self.nodes.len() {
            let member = self.nodes[receiver].member;
            let meant = match to {
                Audience::All => true,
                Audience::Some(bits) => bits >> member & 1 == 1,
                Audience::One(id) => id == signing::fingerprint(member),
            };
            if meant && member != self.nodes[from].member {
                self.transmit_to(from, receiver, round, &parcel);
            }
        }
        Ok(())
    }

    fn transmit_to(&mut self, from: usize, to: usize, round: u64, parcel: &Rc<Parcel>) {
        let twice = self.random.chance(self.network.duplicate_per_mille);
        self.figures.duplicated += u64::from(twice);
        for _ in 0..=u64::from(twice) {
            self.figures.messages += 1;
            let fate = self
                .network
                .fate(&mut self.random, &parcel.message, round, from, to);
            match fate {
                Fate::Cut => self.figures.cut += 1,
                Fate::Lost => self.figures.lost += 1,
                Fate::Arrives { after, held } => {
                    self.figures.held += u64::from(held);
                    let parcel = Rc::clone(parcel);
                    self.schedule(after, Event::Deliver { to, from, parcel });
                }
            }
        }
    }

    /// A message arrives: admitted, verified, handed over.
    pub(crate) fn deliver(
        &mut self,
        to: usize,
        from: usize,
        parcel: &Parcel,
    ) -> Result<(), Violation> {
        self.overhear(to, from, &parcel.message)?;
        let sender = signing::fingerprint(self.nodes[from].member);
        let Some(replica) = &self.nodes[to].replica else {
            return Ok(());
        };
        let life = self.nodes[to].life;
        let set = match replica.admit(&parcel.message) {
            Admission::Verify(set) => set,
            Admission::OtherEpoch(epoch) => {
                let from = sender;
                return self.input(to, life, Input::OtherEpoch { epoch, from });
            }
            Admission::Drop(_) => return Ok(()),
        };
        let chain_id = self.committee.chain_id();
        let message = match parcel.verified(&set, &chain_id, self.plan.scheme) {
            Ok(message) => message,
            Err(reason) => {
                self.figures.refused_messages += 1;
                if self.is_honest(from) {
                    let what = format!("to take a message of honest node {from}: {reason}");
                    return Err(Violation::Impossible { node: to, what });
                }
                return Ok(());
            }
        };
        self.line(|| format!("{from} => {to}: {}", trace::describe(&parcel.message)));
        self.input(to, life, Input::Message(message, sender))
    }
}
