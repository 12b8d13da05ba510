//! [`Kv`]: the namespace of a world.

use std::collections::HashMap;

/// Eventually consistent: a write is seen after `lag` seconds.
#[derive(Default)]
pub struct Kv {
    pub entries: HashMap<String, Vec<(u64, Option<String>)>>,
    pub lag: u64,
    pub reads: usize,
    pub writes: usize,
    pub full: bool,
    /// What is wrong with reading.
    pub reading: Reading,
}

/// How KV answers a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    #[default]
    Works,
    Fails,
    /// It takes a moment.
    Slow,
    /// It answers, but later than anybody waits.
    Drags,
}

impl Kv {
    /// What a read at this time sees.
    pub fn seen(&self, key: &str, now: u64) -> Option<String> {
        let seen = now.saturating_sub(self.lag);
        let versions = self.entries.get(key).into_iter().flatten();
        versions.rev().find(|(time, _)| *time <= seen).and_then(|(_, text)| text.clone())
    }

    /// A write, or a removal, at this time.
    pub fn put(&mut self, key: &str, text: Option<String>, now: u64) {
        self.entries.entry(key.to_owned()).or_default().push((now, text));
    }
}
