//! Which rule decides: host, method and the path's readings against the rules, first match wins.
//!
//! One path has many spellings, and an origin may understand any of them. [`RequestPath`] lists
//! every reading an origin could make; [`Rules::first_match`] judges all of them and names a rule
//! only when they agree. The query and the fragment take no part.
//!
//! This room knows nothing of sessions or settings: a rule is its rank.

mod index;
mod path;
mod pattern;
mod scope;

use index::Index;
pub use path::{PathError, RequestPath};
pub use pattern::{Pattern, PatternError};
pub use scope::{HostPattern, Scope};

/// The patterns, in the order of their rules.
#[derive(Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
    index: Index,
    names_methods: bool,
    watches: bool,
}

#[derive(Debug)]
struct Entry {
    scope: Scope,
    pattern: Pattern,
    aliases: Vec<Pattern>,
    /// Whether it only watches, and never decides.
    watches: bool,
}

/// What of a request, beside its path, chooses the rule.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// The host, with or without a port.
    pub host: &'t str,
    /// The method, as it was sent.
    pub method: &'t str,
}

/// Two readings of one path choose different rules, so that what the gate judged need not be what
/// the origin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

impl Rules {
    /// Appends a rule: its scope, its pattern, and further patterns under which the origin serves the
    /// same. One that only `watches` never decides.
    pub fn push(&mut self, scope: Scope, pattern: Pattern, aliases: Vec<Pattern>, watches: bool) {
        let rank = self.entries.len();
        for pattern in [&pattern].into_iter().chain(&aliases) {
            self.index.insert(pattern, rank);
        }
        self.names_methods |= scope.names_methods();
        self.watches |= watches;
        self.entries.push(Entry { scope, pattern, aliases, watches });
    }

    /// The rank of an earlier rule that decides everything that `pattern` matches in `scope`, so that
    /// such a rule could never match. One that `guards` has its say also where pages of an earlier one may be served.
    pub fn covering(&self, scope: &Scope, pattern: &Pattern, guards: bool) -> Option<usize> {
        let covers = |entry: &Entry| {
            let aliases = entry.aliases.iter().filter(|_| !guards);
            let mut patterns = [&entry.pattern].into_iter().chain(aliases);
            !entry.watches && entry.scope.covers(scope) && patterns.any(|own| own.covers(pattern))
        };
        // The literals that such a pattern begins with are the first of this one's.
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

    /// The rules that have to admit as well as that of `rank`, since what is served at this path may be theirs: the
    /// assets binding serves `/a.html` at `/a`, so a rule for `/a.html` may be about the page at `/a`. They are the
    /// later rules with such pages, up to and including the first that is about the path itself.
    ///
    /// # Errors
    /// [`Ambiguous`] when the readings of the path do not agree on them.
    pub fn beside(
        &self,
        path: &RequestPath<'_>,
        target: Target<'_>,
        rank: Option<usize>,
    ) -> Result<Vec<usize>, Ambiguous> {
        let has_aliases = rank.and_then(|rank| self.entries.get(rank)).is_some_and(|entry| !entry.aliases.is_empty());
        if !has_aliases {
            return Ok(Vec::new());
        }
        let (first, others) = path.first_and_others();
        let beside = self.behind_first(first, target);
        let agree = others.iter().all(|reading| self.behind_first(reading, target) == beside);
        if agree { Ok(beside) } else { Err(Ambiguous) }
    }

    fn behind_first(&self, reading: &str, target: Target<'_>) -> Vec<usize> {
        let decides = |entry: &Entry| !entry.watches && entry.is_about(reading, target);
        let ranks = in_order(self.candidates(reading).filter(|(_, entry)| decides(entry)).map(|(rank, _)| rank));
        let is_own = |rank: &usize| self.entries.get(*rank).is_some_and(|entry| entry.pattern.matches(reading));
        let own = ranks.iter().position(is_own).unwrap_or(ranks.len());
        ranks.into_iter().take(own.saturating_add(1)).skip(1).collect()
    }

    /// Whether a rule that names methods is about this path, so that a header which tells the origin
    /// to take another method would change who may pass.
    pub fn turns_on_method(&self, path: &RequestPath<'_>, host: &str) -> bool {
        let is_about = |entry: &Entry, reading: &str| {
            entry.scope.names_methods() && entry.scope.has_host(host) && entry.matches(reading)
        };
        self.names_methods && path.any(|reading| self.candidates(reading).any(|(_, entry)| is_about(entry, reading)))
    }

    /// The rules that watch a request which the rule of rank `chosen` decides: those before it, in
    /// their order.
    pub fn watching(&self, path: &RequestPath<'_>, target: Target<'_>, chosen: Option<usize>) -> Vec<usize> {
        if !self.watches {
            return Vec::new();
        }
        let watching = path
            .readings()
            .flat_map(|reading| {
                self.candidates(reading).filter(move |(_, entry)| entry.watches && entry.is_about(reading, target))
            })
            .map(|(rank, _)| rank)
            .filter(|rank| chosen.is_none_or(|chosen| *rank < chosen));
        in_order(watching)
    }

    /// Every reading of a path, and the rank of the rule that it chooses.
    #[cfg(feature = "check")]
    pub fn choices<'p>(
        &'p self,
        path: &'p RequestPath<'_>,
        target: Target<'p>,
    ) -> impl Iterator<Item = (&'p str, Option<usize>)> {
        path.readings().map(move |reading| (reading, self.rank_of(reading, target)))
    }

    fn rank_of(&self, reading: &str, target: Target<'_>) -> Option<usize> {
        self.first_of(reading, |entry| !entry.watches && entry.is_about(reading, target))
    }

    /// The lowest rank on the way of a path that `is_it`.
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

    fn candidates<'r>(&'r self, reading: &'r str) -> impl Iterator<Item = (usize, &'r Entry)> {
        self.index.along(reading).flatten().filter_map(|rank| Some((*rank, self.entries.get(*rank)?)))
    }
}

impl Entry {
    fn is_about(&self, reading: &str, target: Target<'_>) -> bool {
        self.scope.has_method(target.method) && self.scope.has_host(target.host) && self.matches(reading)
    }

    fn matches(&self, reading: &str) -> bool {
        self.pattern.matches(reading) || self.aliases.iter().any(|alias| alias.matches(reading))
    }
}

/// These ranks, each once, the first rule's first. There are few: to sort many takes code of a kilobyte.
fn in_order(ranks: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut ordered = Vec::new();
    for rank in ranks {
        if let Err(place) = ordered.binary_search(&rank) {
            ordered.insert(place, rank);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        let mut rules = Rules::default();
        for pattern in patterns {
            rules.push(Scope::default(), Pattern::parse(pattern).unwrap(), vec![], false);
        }
        rules
    }

    fn judge(rules: &Rules, path: &str) -> Result<Option<usize>, Ambiguous> {
        rules.first_match(&RequestPath::parse(path).unwrap(), Target { host: "docs.example.com", method: "GET" })
    }

    #[test]
    fn the_first_match_decides() {
        let rules = rules(&["/blog/private/**", "/blog/**"]);
        assert_eq!(judge(&rules, "/blog/private/x"), Ok(Some(0)));
        assert_eq!(judge(&rules, "/blog/x"), Ok(Some(1)));
        assert_eq!(judge(&rules, "/else"), Ok(None));
    }

    #[test]
    fn readings_that_choose_different_rules_are_refused() {
        let rules = rules(&["/public/**", "/admin/**"]);
        for path in [
            "/public/..%2fadmin/x",
            "/public/%2e%2e/admin",
            "/public/..;/admin",
            "/public/..\\admin",
            "/public/%2e%2e%5cadmin",
            "/public/..%252fadmin",
            "/public/..%25252fadmin",
            "/%70ublic/x",
            "/%61dmin",
            "//admin",
            "/x//../admin",
            "/x/%2e%2e/admin/",
            "/admin%2fx",
            "/admin;a=b/x",
            "/admin%3bx/",
            "/admin%3Fx",
            "/admin%23/x",
            "/admin%253Fx/y",
            "/public/..%3f",
        ] {
            assert_eq!(judge(&rules, path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn readings_that_cut_at_one_mark_alone_are_among_them() {
        let rules = rules(&["/api/*/admin", "/api/**"]);
        for path in ["/api/a%23b/admin%3Fz", "/api/a%3Fb/admin%23z"] {
            assert_eq!(judge(&rules, path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn readings_that_agree_are_judged() {
        let rules = rules(&["/public/**", "/admin/**", "/café/**"]);
        for (path, rank) in [
            ("/public/a%20b", Some(0)),
            ("/public/caf%C3%A9", Some(0)),
            ("/public/a;b=c/d", Some(0)),
            ("/public/a%2Fb", Some(0)),
            ("/public//x", Some(0)),
            ("/admin/%61", Some(1)),
            ("/caf%C3%A9/menu", Some(2)),
            ("/caf%c3%a9", Some(2)),
            ("/other/100%25", None),
        ] {
            assert_eq!(judge(&rules, path), Ok(rank), "{path}");
        }
    }

    fn scoped(rows: &[(&str, &[&str], &str, bool)]) -> Rules {
        let mut rules = Rules::default();
        for (host, methods, pattern, watches) in rows {
            let host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
            let methods = methods.iter().map(|method| (*method).to_owned()).collect();
            rules.push(Scope::new(host, methods), Pattern::parse(pattern).unwrap(), vec![], *watches);
        }
        rules
    }

    #[test]
    fn host_and_method_choose_too() {
        let rules = scoped(&[
            ("a.example", &[], "/x/**", false),
            ("", &["POST"], "/x/**", false),
            ("", &["GET"], "/x/y", false),
            ("", &[], "/x/**", true),
            ("", &[], "/**", false),
        ]);
        let rows = [
            ("a.example", "POST", "/x/y", Some(0)),
            ("b.example", "POST", "/x/y", Some(1)),
            ("b.example:80", "GET", "/x/y", Some(2)),
            ("b.example", "HEAD", "/x/y", Some(2)),
            ("b.example", "PUT", "/x/y", Some(4)),
            ("b.example", "post", "/x/y", Some(4)),
        ];
        for (host, method, path, rank) in rows {
            let path = RequestPath::parse(path).unwrap();
            assert_eq!(rules.first_match(&path, Target { host, method }), Ok(rank), "{method} {host}");
        }
    }

    #[test]
    fn a_path_turns_on_the_method_where_a_rule_names_methods_for_it() {
        let rules = scoped(&[("a.example", &["POST"], "/x/**", false), ("", &[], "/**", false)]);
        for (host, path, turns) in [
            ("a.example", "/x/y", true),
            ("a.example", "/y", false),
            ("b.example", "/x", false),
            ("a.example", "/z/..%2fx", true),
        ] {
            assert_eq!(rules.turns_on_method(&RequestPath::parse(path).unwrap(), host), turns, "{host}{path}");
        }
    }

    #[test]
    fn rules_that_watch_do_so_until_one_decides() {
        let rules = scoped(&[
            ("", &[], "/**", true),
            ("", &["GET"], "/x/*", true),
            ("", &[], "/x/**", false),
            ("", &[], "/**", true),
        ]);
        let watching = |path: &str, method| {
            let path = RequestPath::parse(path).unwrap();
            let target = Target { host: "a.example", method };
            rules.watching(&path, target, rules.first_match(&path, target).unwrap())
        };
        assert_eq!(watching("/x/y", "GET"), [0, 1]);
        assert_eq!(watching("/x/y", "POST"), [0]);
        assert_eq!(watching("/y", "GET"), [0, 3]);
    }

    #[test]
    fn a_rule_that_watches_keeps_none_from_deciding() {
        let rules = scoped(&[("", &[], "/**", true)]);
        assert_eq!(rules.covering(&Scope::default(), &Pattern::parse("/x").unwrap(), false), None);
    }

    #[test]
    fn the_index_finds_what_looking_at_every_rule_finds() {
        let patterns = [
            "/", "/a", "/a/", "/a/**", "/a/b", "/a/*/c", "/*/b", "/**/c", "/**", "/b/**/c", "/b*", "/a/b/c/d", "/bb",
            "/c/**", "/aaa/**",
        ];
        let paths = [
            "/",
            "/a",
            "/a/",
            "/a/b",
            "/a/b/",
            "/a/x/c",
            "/b",
            "/b/c",
            "/b/x/y/c",
            "/x/b",
            "/bb",
            "/aaa/b",
            "/c",
            "/a/b/c/d",
            "/a/b/c/d/e",
        ];
        let target = Target { host: "a.example", method: "GET" };
        // Every order of two of them before a third.
        for one in patterns {
            for two in patterns {
                for three in patterns {
                    let last = Pattern::parse(three).unwrap();
                    let covers = |text: &&str| Pattern::parse(text).unwrap().covers(&last);
                    let covering = rules(&[one, two]).covering(&Scope::default(), &last, false);
                    assert_eq!(covering, [one, two].iter().position(covers), "{one} {two} {three}");
                    let rules = rules(&[one, two, three]);
                    for path in paths {
                        let slow =
                            [one, two, three].iter().position(|text| Pattern::parse(text).unwrap().matches(path));
                        assert_eq!(
                            rules.first_match(&RequestPath::parse(path).unwrap(), target),
                            Ok(slow),
                            "{one} {two} {three}: {path}"
                        );
                    }
                }
            }
        }
    }
}
