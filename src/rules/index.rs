//! [`Index`]: which rules come into question for a path, found by the literal segments that their
//! patterns begin with. A thousand rules cost what those on the way to one path cost.

use std::collections::BTreeMap;

use super::Pattern;

/// A tree of literal segments. A rule stands at the node where its pattern's literals end.
#[derive(Debug, Default)]
pub(super) struct Index {
    here: Vec<usize>,
    below: BTreeMap<String, Self>,
}

impl Index {
    /// Adds the rule of this rank, which is higher than any before or the same as the last.
    pub(super) fn insert(&mut self, pattern: &Pattern, rank: usize) {
        let mut node = self;
        for literal in pattern.literals() {
            node = node.below.entry(literal.to_owned()).or_default();
        }
        if node.here.last() != Some(&rank) {
            node.here.push(rank);
        }
    }

    /// The ranks at each node on the way of a path: among them those of every pattern that matches
    /// it, since a pattern begins with its literals and so does the path.
    pub(super) fn along<'i>(&'i self, reading: &'i str) -> impl Iterator<Item = &'i Vec<usize>> {
        let mut segments = reading.strip_prefix('/').unwrap_or(reading).split('/');
        core::iter::successors(Some(self), move |node| node.below.get(segments.next()?)).map(|node| &node.here)
    }
}
