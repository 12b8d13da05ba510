use portcullis::{
    edge::RequestHead,
    gate::{Decision, path_and_query},
    rules::{Pattern, RequestPath},
};
use url::Url;

use crate::site::{HOST, Head, NOW, OPEN_METHODS, OPEN_PATHS, gate};

/// More readings than [`RequestPath`] keeps.
const MOST_READINGS: usize = 80;

/// A path, behind a line with a method where there is one, and a pattern in front of that.
///
/// What is forwarded without a session is public by every reading of it, by that of a URL parser among
/// them, for this method; and it is forwarded as it came.
pub fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.rsplitn(3, '\n');
    let (path, method) = (lines.next().unwrap_or_default(), lines.next().unwrap_or("GET"));
    if let Some(pattern) = lines.next().and_then(|text| Pattern::parse(text).ok()) {
        // However long both are, this ends.
        pattern.matches(path);
    }
    let parsed = RequestPath::parse(path);
    if let Ok(parsed) = &parsed {
        assert_eq!(parsed.as_sent(), path);
        let count = parsed.readings().count();
        assert!((1..=MOST_READINGS).contains(&count), "{count} readings of {path:?}");
        assert!(parsed.readings().all(|one| one.starts_with('/') && !one.contains(char::is_control)), "{path:?}");
        if parsed.is_plain() {
            assert_eq!(parsed.readings().collect::<Vec<_>>(), [path]);
        }
    }
    // What a platform hands over has a host and no line break in it.
    let head = Head::new(method, &format!("{HOST}{path}"));
    let decision = gate().decide(&head, NOW);
    let Decision::Forward(forward) = decision else { return };
    assert!(forward.identity().is_empty(), "{path:?}");
    assert_eq!(path_and_query(head.url()), path, "forwarded as it came");
    let (bare, _) = path.split_once('?').unwrap_or((path, ""));
    let url = Url::parse(head.url()).expect("what a URL parser refuses is not forwarded");
    let judged = RequestPath::parse(bare).expect("a path that is forwarded can be read");
    for reading in judged.readings().chain([url.path()]) {
        assert!(is_open(reading, method), "{method} {path:?} is forwarded, and reads as {reading:?}");
        assert!(!reading.starts_with("/.auth/") && reading != "/.auth", "{path:?} reads as {reading:?}");
    }
}

/// Whether a reading is public, by looking at the patterns one by one.
fn is_open(reading: &str, method: &str) -> bool {
    let matches = |text: &str| Pattern::parse(text).is_ok_and(|pattern| pattern.matches(reading));
    OPEN_PATHS.iter().any(|text| matches(text))
        || OPEN_METHODS.iter().any(|(text, methods)| matches(text) && methods.contains(&method))
}
