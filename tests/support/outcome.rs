//! What came out of the gate, where a test knows which it must be.

use portcullis::gate::{Answer, Forward, Outcome};

use super::world::{Head, Isolate};

/// The gate's own answer.
#[track_caller]
pub fn answered(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

/// What goes on to the origin.
#[track_caller]
pub fn forwarded(outcome: Outcome) -> Forward {
    match outcome {
        Outcome::Forward(forward) => forward,
        Outcome::Answer(answer) => panic!("{} {}", answer.status, answer.body),
    }
}

/// The status of the gate's own answer; 200 for what goes on to the origin.
pub fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Answer(answer) => answer.status,
        Outcome::Forward(_) => 200,
    }
}

/// Requests of nobody's browser.
impl Isolate {
    #[track_caller]
    pub fn answer(&self, head: &Head) -> Answer {
        answered(self.send(head))
    }

    #[track_caller]
    pub fn forward(&self, head: &Head) -> Forward {
        forwarded(self.send(head))
    }

    pub fn status(&self, head: &Head) -> u16 {
        status(&self.send(head))
    }
}
