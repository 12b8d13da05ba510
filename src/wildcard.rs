//! [`Wildcard`]: a text in which `*` stands for any run of characters, matched whole.
//!
//! Not a regular expression: nothing to anchor, nothing to escape, and the cost is linear in the
//! text, whoever sends it.

/// The text between its `*`s: at least two pieces, so at least one `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    pieces: Vec<String>,
}

impl Wildcard {
    /// Splits a text at its `*`s; `None` if it has none, and so stands for itself.
    pub fn parse(text: &str) -> Option<Self> {
        text.contains('*').then(|| Self { pieces: text.split('*').map(str::to_owned).collect() })
    }

    /// Whether the whole of `text` matches: the first piece is a prefix, the last a suffix, and the others follow
    /// each other in between. An empty text never matches.
    pub fn matches(&self, text: &str) -> bool {
        let Some((last, [first, middle @ ..])) = self.pieces.split_last() else { return false };
        if text.is_empty() {
            return false;
        }
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        middle.iter().all(|piece| match rest.split_once(piece.as_str()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }

    /// Whether every text that is not empty matches.
    pub fn matches_everything(&self) -> bool {
        self.pieces.iter().all(String::is_empty)
    }

    /// The same for texts in lower case (ASCII).
    pub fn in_lower_case(&self) -> Self {
        Self { pieces: self.pieces.iter().map(|piece| piece.to_ascii_lowercase()).collect() }
    }

    /// The text that was split.
    pub fn text(&self) -> String {
        self.pieces.join("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_matches_or_none_of_it() {
        let rows: [(&str, &[&str], &[&str]); 5] = [
            ("*", &["a", "*", "a b"], &[""]),
            ("eng-*", &["eng-", "eng-x"], &["xeng-x", "eng", "Eng-x"]),
            ("*@example.com", &["a@example.com"], &["a@example.com.evil.test", "a@example.co"]),
            ("a*b*c", &["abc", "a1b2c", "abbc", "abcbc"], &["ac", "abcd", "ab"]),
            ("a*a", &["aa", "aba"], &["a"]),
        ];
        for (text, yes, no) in rows {
            let wildcard = Wildcard::parse(text).unwrap();
            assert_eq!(wildcard.text(), text);
            yes.iter().for_each(|value| assert!(wildcard.matches(value), "{text} {value}"));
            no.iter().for_each(|value| assert!(!wildcard.matches(value), "{text} {value}"));
        }
        assert_eq!(Wildcard::parse("plain"), None);
    }
}
