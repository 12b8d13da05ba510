//! [`RequestPath`]: a path with all its readings.
//!
//! The gate forwards the path byte for byte, and servers behind it disagree about what a path means. Some decode
//! `%2F`. Some read `\` as `/` or as nothing. Some cut `;parameters`, or everything from an escaped `?` or `#` on.
//! Some merge `//`, or read a `//` in front as the start of a host. Some drop dots or spaces at the end of a name, the
//! name in front of two dots, or what Windows allows behind the name of a file. Some decode twice. They do so in any
//! order. Each outcome is a reading; a rule is applied only when all readings choose it.

use core::fmt;

/// How many times a path may be encoded before it is refused. Origins that decode twice exist (a proxy in front of an
/// application); a fourth layer has no honest use.
const DECODINGS: usize = 3;
/// How many readings a path may have before it is refused. An honest path has one to four; this and the next limit
/// bound what a hostile one costs.
const MOST_READINGS: usize = 64;
/// How long all of them together may be, in bytes.
const LONGEST_READINGS: usize = 16_384;

/// The path of a request, as it was sent, and every way an origin could read it.
#[derive(Debug)]
pub struct RequestPath<'p> {
    sent: &'p str,
    /// The readings; empty for a plain path, whose only reading is the path as it was sent.
    several: Vec<String>,
}

/// A path that no origin gets, whatever the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with `/`.
    NotAbsolute,
    /// A `#`, which no browser sends, and which servers cut or keep as they please.
    Fragment,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// A control character, plain or once decoded.
    ControlCharacter,
    /// Bytes that are not UTF-8 once decoded.
    NotUtf8,
    /// A character outside ASCII that is not escaped. Browsers escape them, and servers disagree
    /// about the bytes they stand for.
    NotAscii,
    /// The platform would write the path differently on the way to the origin, so that what was judged would not be
    /// what arrives.
    Rewritten,
    /// The path is to be copied or moved to a place that another rule decides, or to no path of this site.
    Destination,
    /// Encoded more than three times over.
    TooDeep,
    /// More readings, or more bytes of readings, than any honest path has.
    TooManyReadings,
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAbsolute => "does not start with a slash",
            Self::Fragment => "has a # in it",
            Self::Escape => "has a % without two hexadecimal digits",
            Self::ControlCharacter => "has a control character",
            Self::NotUtf8 => "is not UTF-8 once decoded",
            Self::NotAscii => "has a character outside ASCII that is not escaped",
            Self::Rewritten => "would arrive at the origin in another spelling",
            Self::Destination => "is to be copied or moved to where another rule decides",
            Self::TooManyReadings => "can be read in too many ways",
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
        if sent.as_bytes().first() != Some(&b'/') {
            return Err(PathError::NotAbsolute);
        }
        if is_plain(sent) {
            return Ok(Self { sent, several: Vec::new() });
        }
        check(sent)?;
        if sent.contains('#') {
            return Err(PathError::Fragment);
        }
        if !sent.is_ascii() {
            return Err(PathError::NotAscii);
        }
        if has_broken_escape(sent) {
            return Err(PathError::Escape);
        }
        let as_sent = decode(sent, is_mandatory)?;
        refuse_deep(&as_sent)?;
        Ok(Self { sent, several: closure(as_sent)? })
    }

    /// The path as it was sent, and as it is forwarded.
    pub fn as_sent(&self) -> &'p str {
        self.sent
    }

    /// Whether the path has one reading only: what was sent.
    pub fn is_plain(&self) -> bool {
        self.several.is_empty()
    }

    /// Every reading.
    pub fn readings(&self) -> impl Iterator<Item = &str> {
        let (first, others) = self.first_and_others();
        core::iter::once(first).chain(others.iter().map(String::as_str))
    }

    /// One reading, which there always is, and the others, of which a plain path has none.
    pub fn first_and_others(&self) -> (&str, &[String]) {
        self.several.split_first().map_or((self.sent, &[]), |(first, others)| (first, others))
    }

    /// Whether any reading passes `is_so`.
    pub fn any(&self, is_so: impl Fn(&str) -> bool) -> bool {
        let (first, others) = self.first_and_others();
        is_so(first) || others.iter().any(|reading| is_so(reading))
    }

    /// Whether any reading is `prefix` or lies under it.
    pub fn touches(&self, prefix: &str) -> bool {
        self.any(|reading| reading.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..])))
    }
}

/// Whether every server reads the path alike: there is nothing to decode, cut, merge or resolve, and no segment ends
/// in a dot or has the type of a stream.
fn is_plain(path: &str) -> bool {
    let (mut previous, mut may_go) = (0, false);
    let ordinary = path.bytes().all(|byte| {
        let reads_otherwise = byte == b'/' && matches!(previous, b'/' | b'.') || byte == b'$' && previous == b':';
        may_go |= byte == b'(' && previous == b'/';
        previous = byte;
        !reads_otherwise && is_ordinary(byte)
    });
    ordinary && previous != b'.' && !(may_go && path.split('/').any(|segment| after_ticket(segment).is_some()))
}

/// Whether a byte always stands for itself, except for slashes in a row, dots at the end of a segment, a dollar behind
/// a colon, and the brackets of a ticket, which [`is_plain`] looks for.
fn is_ordinary(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'('
            | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
    )
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

/// Refuses a path that more than [`DECODINGS`] rounds of decoding would still change.
fn refuse_deep(path: &str) -> Result<(), PathError> {
    let mut decoded = path.to_owned();
    for _ in 0..DECODINGS {
        decoded = decode(&decoded, |_| true)?;
    }
    if decode(&decoded, |_| true)? == decoded { Ok(()) } else { Err(PathError::TooDeep) }
}

/// One thing that servers do to a path.
type Step = fn(&str) -> Result<String, PathError>;

/// Every reading: what any order of the steps makes of `path`, until nothing new appears. Some servers cut before
/// they decode, resolve before they cut, or decode all but the separators; a list of the orders in use would be out
/// of date.
fn closure(path: String) -> Result<Vec<String>, PathError> {
    let steps: [Step; 20] = [
        |path| decode(path, |_| true),
        |path| decode(path, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
        |path| decode(path, |byte| !is_separator(byte)),
        |path| decode(path, is_separator),
        // As on Windows, where `\` separates and `%2F` stays as it is.
        |path| decode(path, |byte| byte == b'\\'),
        |path| Ok(path.replace('\\', "/")),
        // As in a pattern for file names, where `\` escapes what follows.
        |path| Ok(path.replace('\\', "")),
        |path| Ok(in_segments(path, |segment| segment.split(';').next().unwrap_or_default())),
        |path| Ok(in_segments(path, without_last_dots)),
        |path| Ok(in_segments(path, |segment| segment.trim_end_matches(' '))),
        |path| Ok(in_segments(path, without_stream)),
        |path| Ok(in_segments(path, last_dots)),
        |path| Ok(path.split(';').next().unwrap_or_default().to_owned()),
        |path| Ok(path.split('?').next().unwrap_or_default().to_owned()),
        |path| Ok(path.split('#').next().unwrap_or_default().to_owned()),
        |path| Ok(merge_slashes(path)),
        |path| Ok(cut_authority(path)),
        |path| Ok(drop_tickets(path)),
        |path| Ok(resolve_dots(path, str::to_owned)),
        |path| Ok(resolve_dots(path, |segment| segment.replace("%2e", ".").replace("%2E", "."))),
    ];
    let mut bytes = path.len();
    let mut digests = vec![digest(&path)];
    let mut readings = vec![path];
    let mut next = 0;
    while let Some(reading) = readings.get(next).cloned() {
        for step in steps {
            let changed = step(&reading)?;
            let own = digest(&changed);
            let is_known = digests.iter().zip(&readings).any(|(digest, known)| *digest == own && *known == changed);
            if !is_known {
                bytes = bytes.saturating_add(changed.len());
                if readings.len() >= MOST_READINGS || bytes > LONGEST_READINGS {
                    return Err(PathError::TooManyReadings);
                }
                digests.push(own);
                readings.push(changed);
            }
        }
        next = next.saturating_add(1);
    }
    Ok(readings)
}

/// Tells most texts apart (FNV-1a) without comparing two thousand equal letters: readings of one path differ little.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The characters that cannot be in an address unescaped: those outside ASCII, space, and `" < > ^ ` { | }`. Decoding
/// their escapes gives what a server that decodes nothing else sees, spelled as a rule spells it.
fn is_mandatory(byte: u8) -> bool {
    byte >= 0x80 || b" \"<>^`{|}".contains(&byte)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// Decodes, once, the escapes of the `wanted` bytes.
fn decode(path: &str, wanted: impl Fn(u8) -> bool) -> Result<String, PathError> {
    if !path.contains('%') {
        return Ok(path.to_owned());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => {
                hex_value(*high).zip(hex_value(*low)).map(|(high, low)| (high << 4) | low)
            }
            _ => None,
        };
        match escaped {
            Some(value) if wanted(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    let decoded = String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?;
    check(&decoded)?;
    Ok(decoded)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn in_segments(path: &str, own: fn(&str) -> &str) -> String {
    path.split('/').map(own).collect::<Vec<_>>().join("/")
}

/// The name as a file system reads it that drops dots at the end, and as a server does that takes three dots for one.
fn without_last_dots(segment: &str) -> &str {
    if matches!(segment, "." | "..") { segment } else { segment.trim_end_matches('.') }
}

/// The file or folder of a stream whose type is written out, as Windows reads it: `x` of `x::$DATA`.
fn without_stream(segment: &str) -> &str {
    if segment.contains(":$") { segment.split(':').next().unwrap_or_default() } else { segment }
}

/// What is left of `static..` after a prefix that ends within it: nginx, with `location /static` and an `alias` of
/// `…/static/`, makes `…/static/../x` of `/static../x`.
fn last_dots(segment: &str) -> &str {
    let behind = |name: &str| !matches!(name.as_bytes(), [] | [.., b'.']);
    if segment.strip_suffix("..").is_some_and(behind) { ".." } else { segment }
}

/// A reference that begins with two slashes names a host (RFC 3986, 4.2), and a server that parses the path as a
/// reference takes what follows the host as the path; a URL parser reads more slashes as two.
fn cut_authority(path: &str) -> String {
    let Some(rest) = path.strip_prefix("//") else { return path.to_owned() };
    let host = rest.trim_start_matches('/');
    host.find('/').and_then(|end| host.get(end..)).unwrap_or("/").to_owned()
}

/// What follows a session id or a ticket, which ASP.NET takes out of a path together with the slash in front:
/// `/(S(lit3py55))/page` is `/page`, and `/pa/(F(x))ge` too.
fn after_ticket(segment: &str) -> Option<&str> {
    let is_marked = matches!(segment.as_bytes(), [b'(', letter, b'(', ..] if letter.is_ascii_alphabetic());
    segment.split_once("))").filter(|_| is_marked).map(|(_, rest)| rest)
}

fn drop_tickets(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        let rest = after_ticket(segment);
        if rest.is_none() {
            kept.push('/');
        }
        kept.push_str(rest.unwrap_or(segment));
    }
    if kept.starts_with('/') { kept } else { format!("/{kept}") }
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

/// Resolves `.` and `..` as RFC 3986, 5.2.4 does; `..` at the root stays there. `spelled` says how a segment reads: a
/// URL parser sees a dot in `%2e` too, and decodes nothing else.
fn resolve_dots(path: &str, spelled: fn(&str) -> String) -> String {
    let mut resolved: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let plain = spelled(segment);
        match plain.as_str() {
            "." | ".." => {
                if plain == ".." {
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
mod tests;
