//! [`RequestPath`]: a path with all its readings.
//!
//! The gate forwards the path byte for byte, and servers behind it disagree about what a path
//! means: some decode `%2F`, some take `\` for `/`, some cut `;parameters`, some merge `//`, some
//! decode twice. Each of those is a reading; a rule is applied only when all readings choose it.

use core::fmt;

use percent_encoding::percent_decode_str;

/// How many times an origin may decode before a path is refused. Double decoding is seen in the
/// field (a proxy in front of an application); a fourth layer has no honest use.
const DECODINGS: usize = 3;

/// The path of a request, as it was sent, and every way an origin could read it.
#[derive(Debug)]
pub struct RequestPath<'p> {
    sent: &'p str,
    /// Readings besides `sent`; empty for a plain path, which has one reading.
    others: Vec<String>,
}

/// A path that no origin gets, whatever the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with `/`.
    NotAbsolute,
    /// A `#`, which no browser sends and servers cut or keep as they please.
    Fragment,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// A control character, as it is or once decoded.
    ControlCharacter,
    /// Bytes that are not UTF-8 once decoded.
    NotUtf8,
    /// Encoded more than three times over.
    TooDeep,
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAbsolute => "does not start with a slash",
            Self::Fragment => "has a # in it",
            Self::Escape => "has a % without two hexadecimal digits",
            Self::ControlCharacter => "has a control character",
            Self::NotUtf8 => "is not UTF-8 once decoded",
            Self::TooDeep => "is percent-encoded more than three times over",
        })
    }
}

impl core::error::Error for PathError {}

impl<'p> RequestPath<'p> {
    /// Parses the path of a request (no query, no fragment).
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn parse(sent: &'p str) -> Result<Self, PathError> {
        if !sent.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        if is_plain(sent) {
            return Ok(Self { sent, others: Vec::new() });
        }
        let mut others = Vec::new();
        let mut decoded = sent.to_owned();
        check(&decoded)?;
        if sent.contains('#') {
            return Err(PathError::Fragment);
        }
        if has_broken_escape(sent) {
            return Err(PathError::Escape);
        }
        let as_sent = without_mandatory_escapes(sent)?;
        // As sent; as sent with only the separators decoded; decoded once, twice, three times.
        add_variants(&mut others, &as_sent);
        add_variants(&mut others, &with_separators_decoded(&as_sent));
        for _ in 0..DECODINGS {
            let next = decode(&decoded)?;
            if next == decoded {
                break;
            }
            decoded = next;
            add_variants(&mut others, &decoded);
        }
        if decode(&decoded)? != decoded {
            return Err(PathError::TooDeep);
        }
        Ok(Self { sent, others })
    }

    /// The path as it was sent, and as it is forwarded.
    pub fn as_sent(&self) -> &'p str {
        self.sent
    }

    /// Whether the path has one reading only: what was sent.
    pub fn is_plain(&self) -> bool {
        self.others.is_empty()
    }

    /// Every reading. There is always one.
    pub fn readings(&self) -> impl Iterator<Item = &str> {
        let sent = self.others.is_empty().then_some(self.sent);
        sent.into_iter().chain(self.others.iter().map(String::as_str))
    }

    /// Whether any reading is `prefix` or lies under it.
    pub fn touches(&self, prefix: &str) -> bool {
        self.readings()
            .any(|reading| reading.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// Whether every server reads the path alike: nothing to decode, cut, merge or resolve.
fn is_plain(path: &str) -> bool {
    let (mut previous, mut may_be_dots) = (0, false);
    let ordinary = path.bytes().all(|byte| {
        let plain = match byte {
            b'/' => previous != b'/',
            b'.' => {
                may_be_dots |= previous == b'/';
                true
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
            _ => b"-_~!$&'()*+,=:@".contains(&byte),
        };
        previous = byte;
        plain
    });
    ordinary && !(may_be_dots && path.split('/').any(|segment| matches!(segment, "." | "..")))
}

fn check(path: &str) -> Result<(), PathError> {
    if path.chars().any(char::is_control) { Err(PathError::ControlCharacter) } else { Ok(()) }
}

fn has_broken_escape(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
        if byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return true;
        }
    }
    false
}

fn decode(path: &str) -> Result<String, PathError> {
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| PathError::NotUtf8)?.into_owned();
    check(&decoded)?;
    Ok(decoded)
}

/// Decodes the escapes a path cannot do without, because the characters cannot stand in an
/// address: those outside ASCII, space, and `" < > ^ ` { | }`. What is left is how a server that
/// decodes nothing sees the path, spelled as a rule spells it.
fn without_mandatory_escapes(path: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next().unwrap_or(0), rest.next().unwrap_or(0));
        match hex_value(high).zip(hex_value(low)).map(|(high, low)| (high << 4) | low) {
            Some(value) if value >= 0x80 || b" \"<>^`{|}".contains(&value) => bytes.push(value),
            _ => bytes.extend([b'%', high, low]),
        }
    }
    String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn with_separators_decoded(path: &str) -> String {
    path.replace("%2F", "/").replace("%2f", "/").replace("%5C", "\\").replace("%5c", "\\")
}

/// Adds every combination of: `\` as `/`, `;…` cut from each segment, `//` merged, dot segments
/// resolved. The path itself is the combination of none.
fn add_variants(readings: &mut Vec<String>, path: &str) {
    let steps: [fn(&str) -> String; 4] = [|path| path.replace('\\', "/"), cut_parameters, merge_slashes, resolve_dots];
    let mut variants = vec![path.to_owned()];
    for step in steps {
        let changed: Vec<String> =
            variants.iter().map(|variant| step(variant)).filter(|changed| !variants.contains(changed)).collect();
        variants.extend(changed);
    }
    for variant in variants {
        if !readings.contains(&variant) {
            readings.push(variant);
        }
    }
}

fn cut_parameters(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for character in path.chars() {
        if !(character == '/' && merged.ends_with('/')) {
            merged.push(character);
        }
    }
    merged
}

/// Resolves `.` and `..` as RFC 3986, 5.2.4 does; `..` at the root stays there.
fn resolve_dots(path: &str) -> String {
    let mut resolved: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    resolved.pop();
                }
                if last {
                    resolved.push("");
                }
            }
            _ => resolved.push(segment),
        }
    }
    format!("/{}", resolved.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(path: &str) -> Vec<String> {
        RequestPath::parse(path).unwrap().readings().map(str::to_owned).collect()
    }

    #[test]
    fn a_plain_path_has_one_reading() {
        for path in ["/", "/a/b-c_d.html", "/a.b/c:d@e", "/a/", "/.well-known/x", "/..a/...", "/.auth/login"] {
            assert_eq!(readings(path), [path], "{path}");
        }
    }

    #[test]
    fn every_reading_is_listed() {
        let rows: [(&str, &[&str]); 11] = [
            ("/a%2Fb", &["/a%2Fb", "/a/b"]),
            ("/a%252Fb", &["/a%252Fb", "/a%2Fb", "/a/b"]),
            ("/a\\b", &["/a\\b", "/a/b"]),
            ("/a;x/b", &["/a;x/b", "/a/b"]),
            ("/a//b", &["/a//b", "/a/b"]),
            ("/a/../b", &["/a/../b", "/b"]),
            ("/a/..;/b", &["/a/..;/b", "/a/../b", "/b"]),
            ("/a%5C..%5Cb", &["/a%5C..%5Cb", "/a\\..\\b", "/a/../b", "/b"]),
            ("/%2e%2e/a", &["/%2e%2e/a", "/../a", "/a"]),
            ("/a/.", &["/a/.", "/a/"]),
            ("/a/..", &["/a/..", "/"]),
        ];
        for (path, expected) in rows {
            let found = readings(path);
            for reading in expected {
                assert!(found.iter().any(|found| found == reading), "{path}: {reading} is not in {found:?}");
            }
        }
    }

    #[test]
    fn the_spelling_an_address_needs_is_not_another_reading() {
        assert_eq!(readings("/caf%C3%A9%20au%20lait"), ["/café au lait"]);
    }

    #[test]
    fn what_no_origin_gets() {
        let rows = [
            ("", PathError::NotAbsolute),
            ("a", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("/public#/../admin", PathError::Fragment),
            ("/%", PathError::Escape),
            ("/%4", PathError::Escape),
            ("/%zz", PathError::Escape),
            ("/%00", PathError::ControlCharacter),
            ("/%2500", PathError::ControlCharacter),
            ("/%0a", PathError::ControlCharacter),
            ("/%7f", PathError::ControlCharacter),
            ("/a\u{0}", PathError::ControlCharacter),
            ("/%c2%85", PathError::ControlCharacter),
            ("/%ff", PathError::NotUtf8),
            ("/%c0%af", PathError::NotUtf8),
            ("/%25ff", PathError::NotUtf8),
            ("/%2525252f", PathError::TooDeep),
        ];
        for (path, error) in rows {
            assert_eq!(RequestPath::parse(path).map(|_| ()), Err(error), "{path:?}");
        }
    }

    #[test]
    fn own_addresses_are_seen_in_every_reading() {
        for path in [
            "/.auth",
            "/.auth/x",
            "/%2eauth/login",
            "/.auth%2flogin",
            "//.auth/login",
            "/x/..%2f.auth/login",
            "/.auth;x/login",
            "/\\.auth/login",
            "/%252eauth",
        ] {
            assert!(RequestPath::parse(path).unwrap().touches("/.auth"), "{path}");
        }
        for path in ["/.authx", "/x/.auth", "/auth"] {
            assert!(!RequestPath::parse(path).unwrap().touches("/.auth"), "{path}");
        }
    }
}
