//! [`Index`]: which rules come into question for a path, found by the literal segments that their patterns begin
//! with. With a thousand rules, a path costs only what the rules along it cost.

use super::{Pattern, pattern::split_segment};

/// A tree of literal segments in lower case. A rule is kept at the node where its pattern's literals end.
#[derive(Debug, Default)]
pub(super) struct Index {
    here: Vec<usize>,
    /// Ordered by length first, then by letters: most segments are told apart without a look at their letters.
    below: Vec<(String, Self)>,
}

impl Index {
    /// Adds the rule of this rank, which is no lower than the last one added.
    pub(super) fn insert(&mut self, pattern: &Pattern, rank: usize) {
        let mut node = self;
        for literal in pattern.literals() {
            let place = node.place(literal).unwrap_or_else(|place| {
                node.below.insert(place, (literal.to_owned(), Self::default()));
                place
            });
            // There is one: it was found there or put there.
            let Some((_, below)) = node.below.get_mut(place) else { return };
            node = below;
        }
        if node.here.last() != Some(&rank) {
            node.here.push(rank);
        }
    }

    /// The ranks at each node along a path: among them those of every pattern that matches it in any case, since both
    /// begin with the pattern's literals.
    pub(super) fn along<'i>(&'i self, reading: &'i str) -> impl Iterator<Item = &'i Vec<usize>> {
        let mut left = Some(reading.strip_prefix('/').unwrap_or(reading));
        core::iter::successors(Some(self), move |node| {
            let (segment, rest) = split_segment(left?);
            left = rest;
            let place = node.place(segment).ok()?;
            node.below.get(place).map(|(_, below)| below)
        })
        .map(|node| &node.here)
    }

    /// Where a segment's node is, or else where it belongs.
    fn place(&self, segment: &str) -> Result<usize, usize> {
        let letters = || segment.bytes().map(|byte| byte.to_ascii_lowercase());
        self.below.binary_search_by(|(own, _)| own.len().cmp(&segment.len()).then_with(|| own.bytes().cmp(letters())))
    }
}
