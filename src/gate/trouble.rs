//! [`Trouble`]: why something that a provider publishes is unavailable.

use crate::edge::Unreachable;

/// Why something that a provider publishes is unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was called too often just now.
    Budget,
    /// No answer.
    Unreachable(Unreachable),
    /// An answer with this status.
    Status(u16),
    /// An answer that cannot be used, and why.
    Unusable(String),
}

impl Trouble {
    /// For the log.
    pub fn detail(&self) -> String {
        match self {
            Self::Budget => "called too often just now".to_owned(),
            Self::Unreachable(why) => why.as_str().to_owned(),
            Self::Status(status) => format!("status {status}"),
            Self::Unusable(why) => why.clone(),
        }
    }
}
