//! Which rule decides: the path's readings against the rules' patterns, first match wins.
//!
//! One path has many spellings, and an origin may understand any of them. [`RequestPath`] lists
//! every reading an origin could make; [`Rules::first_match`] judges all of them and names a rule
//! only when they agree. The query and the fragment take no part.
//!
//! This room knows nothing of sessions or settings: a rule is its rank.

mod path;
mod pattern;

pub use path::{PathError, RequestPath};
pub use pattern::{Pattern, PatternError};

/// The patterns, in the order of their rules.
#[derive(Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    aliases: Vec<Pattern>,
}

/// Two readings of one path choose different rules, so that what the gate judged need not be what
/// the origin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

impl Rules {
    /// Appends a rule: its pattern, and further patterns under which the origin serves the same.
    pub fn push(&mut self, pattern: Pattern, aliases: Vec<Pattern>) {
        self.entries.push(Entry { pattern, aliases });
    }

    /// The rank of an earlier rule that matches everything `pattern` does, so that a rule with this
    /// pattern could never decide.
    pub fn covering(&self, pattern: &Pattern) -> Option<usize> {
        self.entries.iter().position(|entry| entry.pattern.covers(pattern))
    }

    /// The rank of the first rule that matches `path`, or `None` when no rule does.
    ///
    /// # Errors
    /// [`Ambiguous`] when the readings of the path do not agree on it.
    pub fn first_match(&self, path: &RequestPath<'_>) -> Result<Option<usize>, Ambiguous> {
        let mut readings = path.readings();
        let chosen = self.rank_of(readings.next().unwrap_or(""));
        if readings.all(|reading| self.rank_of(reading) == chosen) { Ok(chosen) } else { Err(Ambiguous) }
    }

    fn rank_of(&self, reading: &str) -> Option<usize> {
        self.entries.iter().position(|entry| {
            entry.pattern.matches(reading) || entry.aliases.iter().any(|alias| alias.matches(reading))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        let mut rules = Rules::default();
        for pattern in patterns {
            rules.push(Pattern::parse(pattern).unwrap(), vec![]);
        }
        rules
    }

    fn judge(rules: &Rules, path: &str) -> Result<Option<usize>, Ambiguous> {
        rules.first_match(&RequestPath::parse(path).unwrap())
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
        ] {
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
}
