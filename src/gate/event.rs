//! [`Event`]: a log line for a decision that matters.
//!
//! JSON, with a stable code to search for and the request id that the visitor's page shows. It never holds a token,
//! code, cookie or query.

use crate::json::{self, Object};

/// What happened. Together with the code it says what to look for in `docs/codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A browser was sent to a provider.
    LoginStarted,
    /// A session began.
    LoginFinished,
    /// A login ended without a session.
    LoginFailed,
    /// A session was ended by its owner.
    Logout,
    /// Somebody signed in was not let in.
    Denied,
    /// A rule in report mode says what it would have done.
    Report,
    /// A request was refused.
    Refused,
    /// A provider could not be used as intended.
    ProviderTrouble,
    /// The settings are wrong: nothing is served.
    SettingsWrong,
    /// An operator changed something at run time, or such a change ended.
    Switch,
    /// What an operator wrote could not be read, or somebody else wrote it.
    SwitchTrouble,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventKind,
    code: &'static str,
    fields: Object,
}

impl EventKind {
    /// The name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginStarted => "login_started",
            Self::LoginFinished => "login_finished",
            Self::LoginFailed => "login_failed",
            Self::Logout => "logout",
            Self::Denied => "denied",
            Self::Report => "report",
            Self::Refused => "refused",
            Self::ProviderTrouble => "provider_trouble",
            Self::SettingsWrong => "settings_wrong",
            Self::Switch => "switch",
            Self::SwitchTrouble => "switch_trouble",
        }
    }

    /// Whether somebody should look at it.
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::LoginFailed | Self::ProviderTrouble | Self::SettingsWrong | Self::SwitchTrouble)
    }
}

impl Event {
    /// A line for the request with this id.
    pub fn new(kind: EventKind, code: &'static str, request: &str) -> Self {
        Self { kind, code, fields: Object::default().with("request", request) }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields = self.fields.with(name, value);
        self
    }

    /// What happened.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The line.
    pub fn to_json(&self) -> String {
        let line = self.fields.clone().with("gate", "portcullis").with("event", self.kind.as_str());
        json::write(&line.with("code", self.code).into())
    }
}
