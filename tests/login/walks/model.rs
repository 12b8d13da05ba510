//! What ought to be: an account of sign-ins, deployments and switches that is kept beside the gate and asks it nothing.
//!
//! It knows cookies by their values and logins by their `state`, from where each was first seen. What the values mean it
//! does not read; it remembers who did what to get them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::world::{OTHER_SECRET, SECRET};

pub(super) const SECRETS: [&str; 3] = [SECRET, OTHER_SECRET, "Vt5Jw2Qx9Lb7Rc1Zn4Ks8Yd3Gm6Hf0PaUeXiOzTqBvM="];
pub(super) const WORK: &str = "https://id.example";
pub(super) const OTHER: &str = "https://other.example";
pub(super) const MOVED: &str = "https://new.example";
pub(super) const SESSION: &str = "__Host-portcullis";
/// How long a login may be pending, and how old a sign-in may be for `/billing/**`.
const PENDING: i64 = 600;
const RECENT: i64 = 900;
/// After this time nothing of what was in KV before counts in an isolate that can read it.
const SPREAD: i64 = 125;

pub(super) const PAGES: [&str; 6] =
    ["/open/x?a=1", "/members/p?q=%C3%A9&r", "/admin/x?y=2", "/guests/g?z", "/billing/b?i=1", "/"];
const OPEN: usize = 0;
pub(super) const ADMIN: usize = 2;
const GUESTS: usize = 3;
const BILLING: usize = 4;

/// Settings that differ in one thing from those that most walks begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settings {
    Plain,
    /// `/admin/**` is for another group.
    OtherGroup,
    /// The second provider is gone.
    OneProvider,
    /// `/open/**` asks for a sign-in.
    NothingOpen,
    /// Sessions last an hour.
    ShortSessions,
    /// The second provider is another issuer.
    MovedProvider,
}

impl Settings {
    pub(super) fn text(self) -> Value {
        let provider = |id: &str, issuer: &str| json!({ "id": id, "title": id, "issuer": issuer, "client_id": "client", "algorithms": ["EdDSA"] });
        let mut providers = vec![provider("work", WORK)];
        providers.extend(self.issuer("other").map(|issuer| provider("other", issuer)));
        json!({
            "hosts": ["docs.example.com"],
            "providers": providers,
            "switch": true,
            "session": { "lifetime": if self == Self::ShortSessions { "1h" } else { "8h" } },
            "rules": [
                { "id": "open", "path": "/open/**", "sso": self == Self::NothingOpen },
                { "id": "admin", "path": "/admin/**", "allow": [{ "group": self.group() }] },
                { "id": "guests", "path": "/guests/**", "sso": "optional" },
                { "id": "billing", "path": "/billing/**", "require": [{ "max_age": "15m" }] },
            ],
        })
    }

    pub(super) fn issuer(self, provider: &str) -> Option<&'static str> {
        match (provider, self) {
            ("work", _) => Some(WORK),
            ("other", Self::OneProvider) => None,
            ("other", Self::MovedProvider) => Some(MOVED),
            ("other", _) => Some(OTHER),
            _ => None,
        }
    }

    fn group(self) -> &'static str {
        if self == Self::OtherGroup { "staff" } else { "admins" }
    }

    pub(super) fn lifetime(self) -> i64 {
        if self == Self::ShortSessions { 3_600 } else { 8 * 3_600 }
    }
}

/// What runs in an isolate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deployed {
    pub(super) settings: Settings,
    pub(super) secret: usize,
    pub(super) previous: Option<usize>,
    /// Which isolate it is, of all there were.
    pub(super) number: usize,
}

impl Deployed {
    /// Whether both take what the other makes.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let (one, two) = (self.settings, other.settings);
        let same_providers = ["work", "other"].iter().all(|id| one.issuer(id) == two.issuer(id));
        self.takes(other.secret) && other.takes(self.secret) && one.group() == two.group() && same_providers
    }

    pub(super) fn takes(&self, secret: usize) -> bool {
        self.secret == secret || self.previous == Some(secret)
    }
}

/// A login that was sent to a provider.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// Its cookie, name and value.
    pub(super) cookie: (String, String),
    pub(super) provider: String,
    pub(super) issuer: String,
    pub(super) secret: usize,
    pub(super) started: i64,
    pub(super) restarted: bool,
    /// Whether more than a sign-in was asked for: another account, or a new one.
    pub(super) wants_more: bool,
    /// The page that it is for.
    pub(super) page: String,
    /// The isolates that exchanged its code.
    pub(super) exchanged: BTreeSet<usize>,
}

/// A code: who signed in for it, on which question.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) person: String,
    pub(super) state: String,
    /// Whether somebody tried to exchange it.
    pub(super) spent: bool,
    /// How long before the code was exchanged the person authenticated.
    pub(super) age: i64,
}

/// A session that began.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) person: String,
    pub(super) provider: String,
    pub(super) issuer: String,
    pub(super) begun: i64,
    pub(super) lifetime: i64,
    pub(super) group: &'static str,
    pub(super) secret: usize,
    pub(super) authenticated: i64,
}

impl Session {
    fn counts(&self, deployed: &Deployed, now: i64) -> bool {
        let settings = deployed.settings;
        deployed.takes(self.secret)
            && settings.issuer(&self.provider) == Some(self.issuer.as_str())
            && settings.group() == self.group
            && now < self.begun + self.lifetime.min(settings.lifetime())
    }
}

/// What an operator switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switched {
    Nothing,
    /// The rule for admins is public, for so many seconds.
    AdminOff(u16),
    AdminOptional(u16),
    /// The public rule asks for a sign-in.
    OpenOn,
    LockedDown,
}

impl Switched {
    pub(super) fn text(self, now: i64) -> Value {
        match self {
            Self::Nothing => json!([]),
            Self::AdminOff(seconds) => json!([{ "rule": "admin", "sso": "off", "until": now + i64::from(seconds) }]),
            Self::AdminOptional(seconds) => {
                json!([{ "rule": "admin", "sso": "optional", "until": now + i64::from(seconds) }])
            }
            Self::OpenOn => json!([{ "rule": "open", "sso": "on" }]),
            Self::LockedDown => json!([{ "lockdown": true }]),
        }
    }
}

/// How a request for a page ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At the origin, public.
    Anyone,
    /// At the origin, as nobody.
    Nobody,
    /// At the origin, as this person of this provider with these groups.
    Person(String, String, &'static str),
    SignIn,
    Denied,
    Closed,
}

/// The account of one walk.
#[derive(Default)]
pub(super) struct Model {
    pub(super) logins: BTreeMap<String, Login>,
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// What was switched: when, under which secret.
    pub(super) switched: Vec<(i64, usize, Switched)>,
    /// Which of these an isolate has to know, by its number.
    known: BTreeMap<usize, usize>,
    /// When KV could last not be read.
    pub(super) unreadable: Option<i64>,
}

impl Model {
    /// All that an isolate may make of a request at this time; one thing, unless what is switched is on its way.
    pub(super) fn verdicts(&self, deployed: &Deployed, page: usize, cookie: Option<&String>, now: i64) -> Vec<Verdict> {
        let session = self.session(deployed, cookie, now);
        self.switches(deployed, now)
            .into_iter()
            .map(|mode| verdict(deployed.settings, page, session, mode, now))
            .collect()
    }

    /// The session of this cookie, if it counts here and now.
    pub(super) fn session(&self, deployed: &Deployed, cookie: Option<&String>, now: i64) -> Option<&Session> {
        let session = cookie.and_then(|cookie| self.sessions.get(cookie));
        session.filter(|session| session.counts(deployed, now))
    }

    /// What may be switched, as an isolate knows it. Where it could not read everything: what it knew before, anything
    /// that was switched since, and nothing if it knew of nothing or what it knew is open.
    pub(super) fn switches(&self, deployed: &Deployed, now: i64) -> Vec<Switched> {
        let known = self.known.get(&deployed.number);
        let is_unsure = self.is_unsure(deployed, now);
        let first = if is_unsure { known.copied().unwrap_or_default() } else { self.first_of_late(now) };
        let mut modes: Vec<Switched> =
            self.switched[first..].iter().map(|(time, _, mode)| mode.at(*time, now)).collect();
        let may_end = is_unsure && (known.is_none() || self.switched[first..].iter().any(|(.., mode)| mode.opens()));
        if may_end || self.switched.first().is_none_or(|(first, ..)| now - first <= SPREAD) {
            modes.push(Switched::Nothing);
        }
        modes
    }

    /// Takes in that an isolate decided at a time at which it has to know what was switched last.
    pub(super) fn note_known(&mut self, deployed: &Deployed, now: i64) {
        let Some((last, ..)) = self.switched.last() else { return };
        if now - last > SPREAD && !self.is_unsure(deployed, now) {
            self.known.insert(deployed.number, self.switched.len() - 1);
        }
    }

    /// Whether an isolate may not have read what was switched: KV was in trouble, or it does not take the secret.
    fn is_unsure(&self, deployed: &Deployed, now: i64) -> bool {
        let late = &self.switched[self.first_of_late(now)..];
        self.unreadable.is_some_and(|last| now - last <= SPREAD)
            || late.iter().any(|(_, secret, _)| !deployed.takes(*secret))
    }

    /// The earliest of what was switched that may still hold somewhere.
    fn first_of_late(&self, now: i64) -> usize {
        self.switched.iter().skip(1).take_while(|(next, ..)| *next < now - SPREAD).count()
    }

    /// Whether a browser with these cookies has the login of this state pending; `None` in the one second in which it ends.
    pub(super) fn is_pending(
        &self,
        deployed: &Deployed,
        state: &str,
        cookies: &BTreeMap<String, String>,
        now: i64,
    ) -> Option<bool> {
        let Some(login) = self.logins.get(state) else { return Some(false) };
        let is = cookies.get(&login.cookie.0) == Some(&login.cookie.1)
            && deployed.takes(login.secret)
            && deployed.settings.issuer(&login.provider) == Some(login.issuer.as_str());
        let age = now - login.started;
        if is && age == PENDING { None } else { Some(is && age < PENDING) }
    }

    /// Takes in the session that began with this code.
    pub(super) fn begin(&mut self, deployed: &Deployed, cookie: String, state: &str, code: &str, now: i64) {
        let (login, grant) = (&self.logins[state], &self.grants[code]);
        let session = Session {
            person: grant.person.clone(),
            provider: login.provider.clone(),
            issuer: login.issuer.clone(),
            begun: now,
            lifetime: deployed.settings.lifetime(),
            group: deployed.settings.group(),
            secret: deployed.secret,
            authenticated: now - grant.age,
        };
        self.sessions.insert(cookie, session);
    }
}

impl Switched {
    fn opens(self) -> bool {
        matches!(self, Self::AdminOff(_) | Self::AdminOptional(_))
    }

    fn at(self, since: i64, now: i64) -> Self {
        match self {
            Self::AdminOff(seconds) | Self::AdminOptional(seconds) if now >= since + i64::from(seconds) => {
                Self::Nothing
            }
            other => other,
        }
    }
}

/// The rules once more, by hand.
fn verdict(settings: Settings, page: usize, session: Option<&Session>, mode: Switched, now: i64) -> Verdict {
    let signed_in = |otherwise| {
        session.map_or(otherwise, |session| {
            // Of the groups one is named.
            let is_in_group = session.person == "ada" || settings.group() == "staff";
            let groups = if is_in_group { settings.group() } else { "" };
            Verdict::Person(session.person.clone(), session.provider.clone(), groups)
        })
    };
    match (page, mode) {
        (_, Switched::LockedDown) => Verdict::Closed,
        (OPEN, mode) if settings != Settings::NothingOpen && mode != Switched::OpenOn => Verdict::Anyone,
        (ADMIN, Switched::AdminOff(_)) => Verdict::Anyone,
        (ADMIN, Switched::AdminOptional(_)) | (GUESTS, _) => signed_in(Verdict::Nobody),
        (ADMIN, _) => match signed_in(Verdict::SignIn) {
            Verdict::Person(_, _, "") => Verdict::Denied,
            other => other,
        },
        (BILLING, _) if session.is_some_and(|session| now - session.authenticated > RECENT) => Verdict::SignIn,
        _ => signed_in(Verdict::SignIn),
    }
}
