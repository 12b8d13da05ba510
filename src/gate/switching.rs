//! The run-time switches as an isolate knows them: when it looks, what it keeps, what it says of it.
//!
//! An isolate looks at the entry in KV at most every [`REFRESH`], behind the answer of the request
//! that finds it due. Only where there is nothing to decide on – the first request of an isolate,
//! the first after a quiet while – a request waits for the look, and not for long.
//!
//! | the entry | what holds |
//! |---|---|
//! | ours, and not older than the one known | it |
//! | older, or KV cannot be read | the last good one; the deployed rules when there was none |
//! | forged, unreadable, or gone | what the last good one closed, and nothing that it opened |

use core::{future::Future, pin::Pin, task::Poll};
use std::rc::Rc;

use super::{Event, EventKind, Gate};
use crate::{
    edge::{Edge, Unreachable},
    switch::{EntryError, KEY, Mode, Switch, Switches},
    time::{Lifetime, Timestamp},
};

/// How long a look lasts before the next one.
const REFRESH: Lifetime = Lifetime::from_seconds(30);
/// A request that finds the last look longer ago than this waits for a new one: a site that nobody
/// visited for an hour must not open by what was known an hour ago.
const STALE: Lifetime = Lifetime::from_seconds(60);
/// How long a request waits, in milliseconds: KV answers within a tenth of it or is in trouble.
const DEADLINE: u32 = 1_000;
/// A look that has been under way for longer belongs to a request that was cut off.
const LOST: Lifetime = Lifetime::from_seconds(2);
/// How often a request checks on a look that another one waits for, and how long between: as long as
/// that one waits.
const CHECKS: usize = 50;
const BETWEEN_CHECKS: u32 = 20;

/// What an isolate knows of the switches. Plain data.
#[derive(Debug, Default)]
pub(super) struct Switching {
    current: Switches,
    /// When the last look began.
    began: Option<Timestamp>,
    under_way: bool,
    /// When a look last ended, or was given up.
    looked: Option<Timestamp>,
    /// What was last said to be wrong; it is said once.
    trouble: Option<&'static str>,
}

/// Whether there is something to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Well,
    /// A look is due.
    Due,
    /// Nothing was ever looked at, or not for too long.
    No,
}

/// A look, which notes what it finds.
type Look = Pin<Box<dyn Future<Output = ()>>>;
/// A line for the log: the kind, the code, and the fields.
type Line = (EventKind, &'static str, Vec<(&'static str, String)>);

impl Gate {
    /// Whether a request can be decided at once, without a look at the switches. Always, unless the
    /// settings have `switch = true`.
    pub fn knows_switches(&self, now: Timestamp) -> bool {
        !self.config.switch || self.switching.borrow().known(now) == Known::Well
    }

    /// Looks at the switches if a look is due, and waits for it if nothing is known.
    pub(super) async fn look_at_switches<E: Edge>(self: &Rc<Self>, edge: &E) {
        if self.knows_switches(edge.now()) {
            return;
        }
        if self.switching.borrow().known(edge.now()) == Known::Due {
            edge.in_background(self.look(edge));
            return;
        }
        if self.switching.borrow().is_under_way(edge.now()) {
            for _ in 0..CHECKS {
                edge.pause(BETWEEN_CHECKS).await;
                if self.knows_switches(edge.now()) {
                    return;
                }
            }
        }
        let mut look = self.look(edge);
        if !ends_in_time(&mut look, edge).await {
            self.note(edge, Err(Unreachable::Deadline));
            edge.in_background(look);
        }
    }

    /// A look at KV, from now on under way.
    fn look<E: Edge>(self: &Rc<Self>, edge: &E) -> Look {
        self.switching.borrow_mut().begin(edge.now());
        let (gate, edge) = (Rc::clone(self), edge.clone());
        Box::pin(async move {
            let entry = edge.read(KEY).await;
            gate.switching.borrow_mut().under_way = false;
            gate.note(&edge, entry);
        })
    }

    /// Takes in what a look found, and logs what changed by it.
    fn note<E: Edge>(&self, edge: &E, entry: Result<Option<String>, Unreachable>) {
        let serves = |host: &str| self.config.hosts.iter().any(|served| served.is(host));
        let found = entry.map(|entry| entry.map(|entry| Switches::read(&entry, &self.keys, serves)));
        let is_rule = |id: &str| self.config.has_rule(id);
        let lines = self.switching.borrow_mut().take_in(found, is_rule, edge.now());
        for (kind, code, fields) in lines {
            let mut event = Event::new(kind, code, &super::request_id(edge));
            for (name, value) in &fields {
                event = event.with(name, value);
            }
            edge.log(&event);
        }
    }
}

impl Switching {
    pub(super) fn is_locked_down(&self, now: Timestamp) -> bool {
        self.current.is_locked_down(now)
    }

    /// What a rule is switched to, by its id.
    pub(super) fn mode(&self, rule: Option<&str>, now: Timestamp) -> Option<Mode> {
        self.current.mode(rule?, now)
    }

    fn known(&self, now: Timestamp) -> Known {
        let within = |time: Option<Timestamp>, limit| time.is_some_and(|time| now.since(time) < limit);
        match (within(self.looked, STALE), within(self.began, REFRESH)) {
            (true, true) => Known::Well,
            (true, false) => Known::Due,
            (false, _) => Known::No,
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.began = Some(now);
        self.under_way = true;
    }

    fn is_under_way(&self, now: Timestamp) -> bool {
        self.under_way && self.began.is_some_and(|began| now.since(began) < LOST)
    }

    /// The table at the top of this file. Returns what is to be said: changes, and what is wrong, once.
    fn take_in(
        &mut self,
        found: Result<Option<Result<Switches, EntryError>>, Unreachable>,
        is_rule: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Vec<Line> {
        self.looked = Some(now);
        let before = self.current.clone();
        let trouble = match found {
            Ok(Some(Ok(entry))) if entry.written >= before.written => {
                self.current = entry;
                None
            }
            Ok(Some(Ok(entry))) => Some(("switch_older", format!("written {}", entry.written))),
            Err(why) => Some(("switch_unreadable", why.as_str().to_owned())),
            Ok(None) if before.written == 0 => None,
            Ok(None) => Some(("switch_gone", String::new())),
            Ok(Some(Err(error))) => Some(("switch_refused", error.to_string())),
        };
        if matches!(trouble, Some(("switch_gone" | "switch_refused", _))) {
            self.current.drop_openings();
        }
        self.current.drop_ended(now);
        let mut lines = Vec::new();
        if let Some((code, detail)) = &trouble
            && self.trouble != Some(*code)
        {
            lines.push((EventKind::SwitchTrouble, *code, vec![("detail", detail.clone())]));
        }
        self.trouble = trouble.map(|(code, _)| code);
        for switch in before.switches.iter().filter(|switch| self.current.find(&switch.rule).is_none()) {
            lines.push((EventKind::Switch, "switch_ended", fields(switch, before.written)));
        }
        for switch in self.current.switches.iter().filter(|switch| before.find(&switch.rule) != Some(switch)) {
            let known = switch.mode == Mode::LockedDown || is_rule(&switch.rule);
            let (kind, code) = if known {
                (EventKind::Switch, "switch_applied")
            } else {
                (EventKind::SwitchTrouble, "switch_rule_unknown")
            };
            lines.push((kind, code, fields(switch, self.current.written)));
        }
        lines
    }
}

fn fields(switch: &Switch, written: u64) -> Vec<(&'static str, String)> {
    let mut fields = vec![("switch", switch.mode.as_str().to_owned()), ("written", written.to_string())];
    if !switch.rule.is_empty() {
        fields.push(("rule", switch.rule.clone()));
    }
    fields.extend(switch.until.map(|until| ("until", until.seconds().to_string())));
    fields
}

/// Whether a look ends before the deadline. If not, it can go on elsewhere.
async fn ends_in_time<E: Edge>(look: &mut Look, edge: &E) -> bool {
    let mut deadline = core::pin::pin!(edge.pause(DEADLINE));
    core::future::poll_fn(|context| match look.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => deadline.as_mut().poll(context).map(|()| false),
    })
    .await
}
