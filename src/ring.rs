//! [`Ring`]: the most recent things of a kind, so that what an isolate remembers is bounded.

/// The last `MOST` things that were kept. Another one takes the place of the oldest.
#[derive(Debug)]
pub(crate) struct Ring<T, const MOST: usize> {
    kept: Vec<T>,
    /// Where the next one goes: the end while there is room, the oldest's place after that.
    next: usize,
}

impl<T, const MOST: usize> Ring<T, MOST> {
    pub(crate) const fn new() -> Self {
        Self { kept: Vec::new(), next: 0 }
    }

    /// One for which `is` holds.
    pub(crate) fn find(&self, is: impl Fn(&T) -> bool) -> Option<&T> {
        self.kept.iter().find(|kept| is(kept))
    }

    /// Keeps `new`.
    pub(crate) fn keep(&mut self, new: T) {
        match self.kept.get_mut(self.next) {
            Some(oldest) => *oldest = new,
            None => self.kept.push(new),
        }
        self.next = self.next.saturating_add(1) % MOST;
    }

    /// Keeps `new`, in place of one that is like it if there is one.
    pub(crate) fn replace(&mut self, new: T, is_like: impl Fn(&T, &T) -> bool) {
        match self.kept.iter_mut().find(|kept| is_like(kept, &new)) {
            Some(last) => *last = new,
            None => self.keep(new),
        }
    }
}

impl<T, const MOST: usize> Default for Ring<T, MOST> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(ring: &Ring<u32, 3>) -> Vec<u32> {
        ring.kept.clone()
    }

    #[test]
    fn the_oldest_makes_room_and_there_are_never_more() {
        let mut ring = Ring::<u32, 3>::new();
        for (number, expected) in
            [(1, vec![1]), (2, vec![1, 2]), (3, vec![1, 2, 3]), (4, vec![4, 2, 3]), (5, vec![4, 5, 3])]
        {
            ring.keep(number);
            assert_eq!(kept(&ring), expected);
        }
        assert_eq!((ring.find(|kept| *kept == 5), ring.find(|kept| *kept == 2)), (Some(&5), None));
    }

    #[test]
    fn one_that_is_like_it_gives_its_place_and_no_other_goes() {
        let mut ring = Ring::<u32, 3>::new();
        for number in [10, 20, 30] {
            ring.keep(number);
        }
        for (number, expected) in [(21, [10, 21, 30]), (40, [40, 21, 30]), (41, [41, 21, 30]), (50, [41, 50, 30])] {
            ring.replace(number, |kept, new| kept / 10 == new / 10);
            assert_eq!(kept(&ring), expected);
        }
    }
}
