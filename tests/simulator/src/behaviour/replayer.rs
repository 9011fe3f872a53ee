//! Sends again what it heard before, its own words and those of others.

use super::{Audience, Behaviour, Scene};
use cairn_consensus::Message;

const KEPT: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Replayer {
    heard: Vec<Message>,
}

impl Replayer {
    fn keep(&mut self, scene: &mut Scene<'_>, message: &Message) {
        if self.heard.len() < KEPT {
            self.heard.push(message.clone());
        } else {
            let place = scene.random.below(KEPT);
            self.heard[place] = message.clone();
        }
    }
}

impl Behaviour for Replayer {
    fn hear(&mut self, scene: &mut Scene<'_>, message: &Message) {
        self.keep(scene, message);
        if scene.random.chance(150) {
            let place = scene.random.below(self.heard.len());
            let part = scene.some();
            let old = self.heard[place].clone();
            scene.send(Audience::Some(part), old);
        }
    }

    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        self.keep(scene, &message);
        scene.send(to, message);
    }
}
