//! Which rule decides: the rules are held against the host, the method and the path's readings, and the first match
//! wins.
//!
//! One path has many spellings, and an origin may understand any of them. [`RequestPath`] lists
//! every reading an origin could make; [`Rules::first_match`] judges all of them and names a rule
//! only when they agree. The query and the fragment take no part.
//!
//! This room knows nothing of sessions or settings: it knows a rule by its rank.

mod index;
mod path;
mod pattern;
mod scope;

use index::Index;
pub use path::{PathError, RequestPath};
pub use pattern::{Case, Pattern, PatternError};
pub use scope::{HostPattern, Scope};

/// The patterns, in the order of their rules.
#[derive(Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
    index: Index,
    names_methods: bool,
    watches: bool,
    /// Whether a pattern has capitals.
    has_capitals: bool,
}

#[derive(Debug)]
struct Entry {
    scope: Scope,
    pattern: Pattern,
    aliases: Vec<Pattern>,
    /// Whether the rule is in report mode, and never decides.
    watches: bool,
}

/// What chooses the rule of a request, besides its path.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// The host, with or without a port.
    pub host: &'t str,
    /// The method, as it was sent.
    pub method: &'t str,
}

/// Two readings of one path choose different rules, so what the gate judged need not be what the origin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

impl Rules {
    /// Appends a rule: its scope, its pattern, and further patterns under which the origin serves the same. A rule
    /// that only `watches` is in report mode and never decides.
    pub fn push(&mut self, scope: Scope, pattern: Pattern, aliases: Vec<Pattern>, watches: bool) {
        let rank = self.entries.len();
        for pattern in [&pattern].into_iter().chain(&aliases) {
            self.index.insert(pattern, rank);
            self.has_capitals |= pattern.has_capitals();
        }
        self.names_methods |= !watches && scope.names_methods();
        self.watches |= watches;
        self.entries.push(Entry { scope, pattern, aliases, watches });
    }

    /// The rank of an earlier rule that decides everything that `pattern` matches in `scope`, so that such a rule
    /// could never match. A rule that `guards` still has a say where only the pages of an earlier one may be served.
    pub fn covering(&self, scope: &Scope, pattern: &Pattern, guards: bool) -> Option<usize> {
        let covers = |entry: &Entry| {
            let aliases = entry.aliases.iter().filter(|_| !guards);
            let mut patterns = [&entry.pattern].into_iter().chain(aliases);
            !entry.watches && entry.scope.covers(scope) && patterns.any(|own| own.covers(pattern))
        };
        // A pattern that covers this one begins with the same literals, or with fewer of them.
        let literals: Vec<&str> = pattern.literals().collect();
        let literals = literals.join("/");
        self.first_of(&literals, covers)
    }

    /// The rank of the first rule that matches, or `None` when no rule does.
    ///
    /// # Errors
    /// [`Ambiguous`] when the readings of the path do not agree on it.
    pub fn first_match(&self, path: &RequestPath<'_>, target: Target<'_>) -> Result<Option<usize>, Ambiguous> {
        let (first, others) = path.first_and_others();
        let chosen = self.rank_of(first, target);
        let agree = others.iter().all(|reading| self.rank_of(reading, target) == chosen);
        if agree { Ok(chosen) } else { Err(Ambiguous) }
    }

    /// The rules that have to admit as well as the one of `rank`, since what is served at this path may be what they
    /// guard:
    ///
    /// * The assets binding serves `/a.html` at `/a`, so a rule for `/a.html` may be about the page at `/a`. This
    ///   adds the later rules with such pages, up to and including the first that is about the path itself.
    /// * Many servers ignore case, in the whole path or in a part of it, so `/ADMIN` may be the page of a rule for
    ///   `/admin`. This adds the rules up to the same point that would match if case made no difference.
    ///
    /// Where a path has several readings, the rules of all of them.
    pub fn beside(&self, path: &RequestPath<'_>, target: Target<'_>, rank: Option<usize>) -> Vec<usize> {
        let has_aliases = rank.and_then(|rank| self.entries.get(rank)).is_some_and(|entry| !entry.aliases.is_empty());
        let mut beside = Vec::new();
        for reading in path.readings() {
            if has_aliases || self.turns_on_case(reading) {
                self.add_all(reading, target, false, &mut beside);
            }
        }
        beside.retain(|other| Some(*other) != rank);
        beside
    }

    /// Whether another rule could decide this reading if case made no difference.
    fn turns_on_case(&self, reading: &str) -> bool {
        self.has_capitals || reading.bytes().any(|byte| byte.is_ascii_uppercase())
    }

    /// Whether a rule that names methods is about this path, in any case, so that a header which makes the origin see
    /// another method would change who may pass.
    pub fn turns_on_method(&self, path: &RequestPath<'_>, host: &str) -> bool {
        let is_about = |entry: &Entry, lower: &str| {
            !entry.watches
                && entry.scope.names_methods()
                && entry.scope.has_host(host)
                && entry.matches(lower, Case::Ignored)
        };
        let is_told = |lower: &str| self.first_of(lower, |entry| is_about(entry, lower)).is_some();
        self.names_methods && path.any(|reading| is_told(&reading.to_ascii_lowercase()))
    }

    /// The rules in report mode that would have a say in a request if they decided, in their order.
    pub fn watching(&self, path: &RequestPath<'_>, target: Target<'_>) -> Vec<usize> {
        let mut watching = Vec::new();
        for reading in path.readings().filter(|_| self.watches) {
            self.add_all(reading, target, true, &mut watching);
        }
        watching
    }

    /// Every reading of a path, with the rank of the rule that it chooses.
    #[cfg(feature = "check")]
    pub fn choices<'p>(
        &'p self,
        path: &'p RequestPath<'_>,
        target: Target<'p>,
    ) -> impl Iterator<Item = (&'p str, Option<usize>)> {
        path.readings().map(move |reading| (reading, self.rank_of(reading, target)))
    }

    fn rank_of(&self, reading: &str, target: Target<'_>) -> Option<usize> {
        self.first_of(reading, |entry| !entry.watches && entry.is_for(target) && entry.matches(reading, Case::Told))
    }

    /// The lowest rank along a path whose entry passes `is_it`.
    fn first_of(&self, reading: &str, is_it: impl Fn(&Entry) -> bool) -> Option<usize> {
        let mut first = None;
        for ranks in self.index.along(reading) {
            let earlier = ranks.iter().take_while(|rank| first.is_none_or(|first| **rank < first));
            if let Some(rank) = earlier.copied().find(|rank| self.entries.get(*rank).is_some_and(&is_it)) {
                first = Some(rank);
            }
        }
        first
    }

    /// Adds the ranks of the rules that may be about a reading, in any case and by any of their pages, up to the
    /// first that decides it in its own case and as the path itself: those in report mode if `watches`, else the
    /// others.
    fn add_all(&self, reading: &str, target: Target<'_>, watches: bool, to: &mut Vec<usize>) {
        let is_last = |entry: &Entry| !entry.watches && entry.is_for(target) && entry.pattern.matches(reading);
        let last = self.first_of(reading, is_last);
        let lower = reading.to_ascii_lowercase();
        let is_one =
            |entry: &Entry| entry.watches == watches && entry.is_for(target) && entry.matches(&lower, Case::Ignored);
        let ranks = self.index.along(reading).flatten().filter(|rank| last.is_none_or(|last| **rank <= last));
        for rank in ranks.filter(|rank| self.entries.get(**rank).is_some_and(is_one)) {
            // There are few of them, and code to sort many takes a kilobyte.
            if let Err(place) = to.binary_search(rank) {
                to.insert(place, *rank);
            }
        }
    }
}

impl Entry {
    fn is_for(&self, target: Target<'_>) -> bool {
        self.scope.has_method(target.method) && self.scope.has_host(target.host)
    }

    fn matches(&self, reading: &str, case: Case) -> bool {
        self.pattern.matches_in(case, reading) || self.aliases.iter().any(|alias| alias.matches_in(case, reading))
    }
}

#[cfg(test)]
mod tests;
