//! The stage of members that break the rules: what they hear, and what they make of it.

use crate::behaviour::{Audience, Scene};
use crate::checks::Violation;
use crate::simulation::Simulation;
use cairn_consensus::Message;

impl Simulation {
    /// Lets a Byzantine member react to what it hears.
    pub(crate) fn overhear(
        &mut self,
        node: usize,
        from: usize,
        message: &Message,
    ) -> Result<(), Violation> {
        if !self.nodes[node].is_byzantine() {
            return Ok(());
        }
        // Only honest words set it off, so that two of them do not set each other off for ever. Proposals are the
        // exception: accomplices vote for both faces.
        if self.nodes[from].is_byzantine() && !matches!(message, Message::Proposal(_)) {
            return Ok(());
        }
        let mut behaviours = std::mem::take(&mut self.nodes[node].behaviours);
        let out = self.scene(node, |scene| {
            for behaviour in &mut behaviours {
                behaviour.hear(scene, message);
            }
        });
        self.nodes[node].behaviours = behaviours;
        for (to, message) in out {
            self.figures.byzantine_messages += 1;
            self.transmit(node, to, message)?;
        }
        Ok(())
    }

    /// Gives a behaviour its stage; what it wants sent is returned.
    pub(crate) fn scene(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Scene<'_>),
    ) -> Vec<(Audience, Message)> {
        let chain_id = self.committee.chain_id();
        let it = &mut self.nodes[node];
        let Some(replica) = &it.replica else {
            return Vec::new();
        };
        let Some(index) = replica.me() else {
            return Vec::new();
        };
        let signer = self.plan.scheme.signer(it.member);
        let mut scene = Scene {
            random: &mut it.random,
            signer: &*signer,
            index,
            set: replica.validators(),
            chain_id,
            round: replica.round(),
            epoch: replica.epoch(),
            now: self.now,
            out: Vec::new(),
        };
        act(&mut scene);
        scene.out
    }
}
