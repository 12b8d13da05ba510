//! The run-time switches as an isolate knows them: when it looks, what it keeps, what it logs.
//!
//! An isolate looks at the entry in KV at most every [`REFRESH`], in the background of the request that finds a look
//! due. Only where there is nothing to decide on – the first request of an isolate, the first after a quiet while –
//! does a request wait for the look, and not for long.
//!
//! | the entry | what holds |
//! |---|---|
//! | ours, and not older than the one known | it |
//! | older, or KV cannot be read | the last good one; the deployed rules when there was none |
//! | forged, unreadable, or gone | what the last good one closed, and nothing that it opened |

use core::{future::Future, mem, pin::Pin};
use std::rc::Rc;

use super::{Event, EventKind, Gate};
use crate::{
    edge::{Edge, Unreachable},
    switch::{EntryError, KEY, Mode, Switch, Switches},
    time::{Lifetime, Timestamp},
};

/// How long after one look the next is due.
const REFRESH: Lifetime = Lifetime::from_seconds(30);
/// A request that finds the last look longer ago than this waits for a new one: a site that nobody visited for an
/// hour must not open because of what was known an hour ago.
const STALE: Lifetime = Lifetime::from_seconds(60);
/// A look that has been under way for longer than this counts as lost.
const LOST: Lifetime = Lifetime::from_seconds(2);
/// How often a waiting request checks whether the look has ended, and how long it pauses between, in milliseconds: a
/// second in all. KV answers within a tenth of that or is in trouble.
const CHECKS: usize = 200;
const BETWEEN_CHECKS: u32 = 5;

/// What an isolate knows of the switches. Plain data.
#[derive(Debug, Default)]
pub(super) struct SwitchState {
    current: Switches,
    /// When the last look began.
    began: Option<Timestamp>,
    /// When a look last ended, or was given up.
    looked: Option<Timestamp>,
    /// What was last logged as wrong: it is logged once.
    trouble: Option<&'static str>,
}

/// Whether there is something to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    /// A look is due.
    Due,
    /// There has been no look yet, or none for too long.
    Unknown,
}

/// What a look finds: an entry, good or refused; no entry; or that KV cannot be reached.
type Found = Result<Option<Result<Switches, EntryError>>, Unreachable>;

impl Gate {
    /// Whether a request can be decided at once, without a look at the switches. Always, unless the
    /// settings have `switch = true`.
    pub fn knows_switches(&self, now: Timestamp) -> bool {
        !self.config.switch || self.switches.borrow().freshness(now) == Freshness::Fresh
    }

    /// Looks at the switches if a look is due, and waits for it if nothing is known. The look belongs to no request:
    /// it continues when the one that began it is gone, and others that wait see it end.
    pub(super) async fn look_at_switches<E: Edge>(self: &Rc<Self>, edge: &E) {
        if self.knows_switches(edge.now()) {
            return;
        }
        let known = self.switches.borrow().freshness(edge.now());
        if !self.switches.borrow().is_under_way(edge.now()) {
            edge.in_background(self.look(edge));
        }
        if known == Freshness::Due {
            return;
        }
        for _ in 0..CHECKS {
            edge.pause(BETWEEN_CHECKS).await;
            if self.knows_switches(edge.now()) {
                return;
            }
        }
        self.note(edge, Err(Unreachable::Deadline));
    }

    /// A look at KV, under way from now on.
    fn look<E: Edge>(self: &Rc<Self>, edge: &E) -> Pin<Box<dyn Future<Output = ()>>> {
        self.switches.borrow_mut().begin(edge.now());
        let (gate, edge) = (Rc::clone(self), edge.clone());
        Box::pin(async move {
            let entry = edge.read(KEY).await;
            gate.note(&edge, entry);
        })
    }

    /// Takes in what a look found, and logs what that changed.
    fn note<E: Edge>(&self, edge: &E, entry: Result<Option<String>, Unreachable>) {
        let lines = self.take_in(entry, &super::request_id(edge), edge.now());
        lines.iter().for_each(|line| edge.log(line));
    }

    fn take_in(&self, entry: Result<Option<String>, Unreachable>, request: &str, now: Timestamp) -> Vec<Event> {
        let serves = |host: &str| self.config.hosts.iter().any(|served| served.is(host));
        let found = entry.map(|entry| entry.map(|entry| Switches::read(&entry, &self.keys, serves)));
        self.switches.borrow_mut().take_in(found, |id| self.config.has_rule(id), request, now)
    }
}

impl SwitchState {
    pub(super) fn is_locked_down(&self, now: Timestamp) -> bool {
        self.current.is_locked_down(now)
    }

    /// What a rule is switched to, by its id.
    pub(super) fn mode(&self, rule: Option<&str>, now: Timestamp) -> Option<Mode> {
        self.current.mode(rule?, now)
    }

    fn freshness(&self, now: Timestamp) -> Freshness {
        let within = |time: Option<Timestamp>, limit| time.is_some_and(|time| now.since(time) < limit);
        match (within(self.looked, STALE), within(self.began, REFRESH)) {
            (true, true) => Freshness::Fresh,
            (true, false) => Freshness::Due,
            (false, _) => Freshness::Unknown,
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.began = Some(now);
    }

    /// Whether a look is running. Asked only when one is due or nothing is known: never within [`REFRESH`], which is
    /// longer than [`LOST`], of the start of one that ended.
    fn is_under_way(&self, now: Timestamp) -> bool {
        self.began.is_some_and(|began| now.since(began) < LOST)
    }

    /// Applies the table at the top of this file. Returns what is to be logged: each change, and what is wrong, once.
    fn take_in(&mut self, found: Found, is_rule: impl Fn(&str) -> bool, request: &str, now: Timestamp) -> Vec<Event> {
        self.looked = Some(now);
        let before = mem::take(&mut self.current);
        let (entry, trouble) = match found {
            Ok(Some(Ok(entry))) if entry.written >= before.written => (Some(entry), None),
            Ok(Some(Ok(_))) => (None, Some(("switch_older", ""))),
            Err(why) => (None, Some(("switch_unreadable", why.as_str()))),
            Ok(None) if before.written == 0 => (None, None),
            Ok(None) => (None, Some(("switch_gone", ""))),
            Ok(Some(Err(error))) => (None, Some(("switch_refused", error.as_str()))),
        };
        let code = trouble.map(|(code, _)| code);
        let spoilt = matches!(code, Some("switch_gone" | "switch_refused"));
        let stays = |switch: &Switch| switch.lasts(now) && !(spoilt && switch.mode.may_open());
        self.current = entry.as_ref().unwrap_or(&before).only(stays);
        let mut lines = Vec::new();
        if let Some((code, detail)) = trouble.filter(|_| self.trouble != code) {
            lines.push(Event::new(EventKind::SwitchTrouble, code, request).with("detail", detail));
        }
        self.trouble = code;
        for switch in before.switches.iter().filter(|switch| self.current.find(&switch.rule).is_none()) {
            lines.push(line(EventKind::Switch, "switch_ended", request, switch));
        }
        for switch in self.current.switches.iter().filter(|switch| before.find(&switch.rule) != Some(switch)) {
            let known = switch.mode == Mode::LockedDown || is_rule(&switch.rule);
            let (kind, code) = if known {
                (EventKind::Switch, "switch_applied")
            } else {
                (EventKind::SwitchTrouble, "switch_rule_unknown")
            };
            lines.push(line(kind, code, request, switch));
        }
        lines
    }
}

fn line(kind: EventKind, code: &'static str, request: &str, switch: &Switch) -> Event {
    let until = switch.until.map(|until| until.seconds().to_string()).unwrap_or_default();
    let fields = [("switch", switch.mode.as_str()), ("rule", &switch.rule), ("until", &until)];
    let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
    said.fold(Event::new(kind, code, request), |event, (name, value)| event.with(name, value))
}
