use portcullis::{rules::Pattern, wildcard::Wildcard};

/// The most comparisons that the table is drawn up for.
const CELLS: usize = 250_000;

/// A wildcard on the first line, a text behind it. It matches what trying everything finds; and that
/// two patterns of paths match the same is said only where they do.
pub fn wildcard(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (pattern, text) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(wildcard) = Wildcard::parse(pattern) {
        let matches = wildcard.matches(text);
        if pattern.len().saturating_mul(text.len()) <= CELLS {
            assert_eq!(matches, !text.is_empty() && fits(pattern, text), "{pattern:?} {text:?}");
        }
        assert!(!wildcard.matches_everything() || matches || text.is_empty(), "{pattern:?} {text:?}");
    } else {
        assert!(!pattern.contains('*'));
    }
    // The text as a path, and as another pattern; a few segments, since this is done once per rule.
    let few = |text: &str| text.matches('/').count() <= 12;
    let (Ok(general), Ok(special)) = (Pattern::parse(pattern), Pattern::parse(text)) else { return };
    if few(pattern) && few(text) && general.covers(&special) {
        for path in ["/", "/a", "/a/b", "/a/b/c", text] {
            assert!(!special.matches(path) || general.matches(path), "{pattern:?} covers {text:?}, but not {path:?}");
        }
    }
}

/// By a table: whether the first so many characters of both match.
fn fits(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row: Vec<bool> = std::iter::once(true).chain(text.iter().map(|_| false)).collect();
    for letter in pattern.chars() {
        let mut next = vec![letter == '*' && row[0]];
        for (at, own) in text.iter().enumerate() {
            next.push(if letter == '*' { next[at] || row[at + 1] } else { letter == *own && row[at] });
        }
        row = next;
    }
    row[text.len()]
}
