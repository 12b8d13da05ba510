//! [`Pattern`]: a path glob.
//!
//! `*` stands for any run of characters within a segment; `**`, as a whole segment, for any number of segments, even
//! none: `/admin/**` includes `/admin`. Everything else stands for itself, and case matters unless the caller says
//! otherwise. A slash at the end makes no difference, neither in the pattern nor in the path.

use core::fmt;

use crate::wildcard::Wildcard;

/// A compiled path glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    /// The same in lower case (ASCII).
    lower: Vec<Segment>,
}

/// Whether capitals (ASCII) differ from small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They do, as in a rule.
    Told,
    /// They do not, as for many routers.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Stands for itself.
    Literal(String),
    /// `*` in it stands for any run of characters; alone, for at least one, since a segment is never empty.
    Wild(Wildcard),
    /// `**`
    AnyDepth,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It does not start with `/`.
    NotAbsolute,
    /// `//` within it.
    EmptySegment,
    /// A `.` or `..` segment, or one that ends in a dot: a path has a reading without that dot.
    DotSegment,
    /// `**` with something else in the same segment.
    PartialDepth,
    /// A space at the start or the end of a segment, which nobody sees.
    OuterSpace,
    /// A character that no rule can name, since servers do not take it for itself: `%`, `?`, `#`, `;`, `\`, a control
    /// character. Or one that stands for alternatives elsewhere: `{`, `}`, `|`.
    Character(char),
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => formatter.write_str("does not start with \"/\""),
            Self::EmptySegment => formatter.write_str("has an empty segment (\"//\")"),
            Self::DotSegment => formatter.write_str("has a segment that ends in a dot: write \"*\" for the dot"),
            Self::PartialDepth => {
                formatter.write_str("has \"**\" beside other characters: \"**\" stands alone between slashes")
            }
            Self::OuterSpace => formatter.write_str("has a space at the start or the end of a segment"),
            Self::Character('{' | '}' | '|') => formatter.write_str(
                "has a \"{\", \"}\" or \"|\": there are no alternatives in a path; write a rule for each, or \"*\"",
            ),
            Self::Character('%') => formatter.write_str("has a \"%\": write the character itself, not its escape"),
            Self::Character('?' | '#') => {
                formatter.write_str("has a \"?\" or \"#\": rules see the path alone, never the query or the fragment")
            }
            Self::Character(character) => write!(formatter, "has {character:?}, which no rule can name"),
        }
    }
}

impl core::error::Error for PatternError {}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NotAbsolute)?;
        if let Some(character) =
            text.chars().find(|character| "%?#;\\{}|".contains(*character) || character.is_control())
        {
            return Err(PatternError::Character(character));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return if text.len() > 1 { Err(PatternError::EmptySegment) } else { Ok(Self::of(Vec::new())) };
        }
        if rest.split('/').any(|segment| segment.trim() != segment) {
            return Err(PatternError::OuterSpace);
        }
        rest.split('/').map(Segment::parse).collect::<Result<_, _>>().map(Self::of)
    }

    fn of(segments: Vec<Segment>) -> Self {
        Self { lower: segments.iter().map(Segment::in_lower_case).collect(), segments }
    }

    /// Whether the pattern matches this reading of a path.
    pub fn matches(&self, reading: &str) -> bool {
        self.matches_in(Case::Told, reading)
    }

    /// The same, with a choice of [`Case`]. If it is ignored, `reading` must be in lower case (ASCII).
    pub fn matches_in(&self, case: Case, reading: &str) -> bool {
        let segments = match case {
            Case::Told => &self.segments,
            Case::Ignored => &self.lower,
        };
        let Some(rest) = reading.strip_prefix('/') else { return false };
        // What is left of `//` is an empty segment, not a slash at the end.
        let rest = rest.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(rest);
        matches_from(segments, (!rest.is_empty()).then_some(rest))
    }

    /// Whether it has capitals (ASCII).
    pub(super) fn has_capitals(&self) -> bool {
        self.segments != self.lower
    }

    /// The literal segments it begins with, in lower case.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.lower.iter().map_while(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::Wild(_) | Segment::AnyDepth => None,
        })
    }

    /// Whether every path matches.
    pub fn is_everything(&self) -> bool {
        matches!(self.segments.as_slice(), [Segment::AnyDepth, rest @ ..] if rest.iter().all(|one| *one == Segment::AnyDepth))
    }

    /// Whether every path that `other` matches is matched by this pattern too. May say no where the truth is yes, but
    /// never the reverse.
    pub fn covers(&self, other: &Self) -> bool {
        covers_from(&self.segments, &other.segments)
    }

    /// Whether the pattern can match only at or under `prefix`.
    pub fn is_under(&self, prefix: &str) -> bool {
        let mut segments = self.segments.iter();
        prefix.split('/').skip(1).all(|own| matches!(segments.next(), Some(Segment::Literal(text)) if text == own))
    }

    /// The patterns under which the static-assets binding serves the files that this one names: `/a.html` appears at
    /// `/a`, and `/a/index.html` at `/a/`. A wildcard names whatever it can stand for; `/a.html/**` names `/a.html`
    /// too.
    pub fn page_aliases(&self) -> Vec<Self> {
        let Some((last, parents)) = self.segments.split_last() else { return Vec::new() };
        let text = match last {
            Segment::Literal(text) => text.clone(),
            Segment::Wild(wildcard) => wildcard.text(),
            Segment::AnyDepth => return Self::of(parents.to_vec()).page_aliases(),
        };
        let mut stems = Vec::new();
        if last.matches("index.html") {
            stems.push("");
        }
        stems_of(&text, ".html", &mut stems);
        // Nothing is left of `index.html`, nor of `.html`: what remains is the parents alone.
        let alias = |stem| Self::of(parents.iter().cloned().chain(Segment::parse(stem)).collect());
        stems.into_iter().filter(|stem| *stem != text).map(alias).collect()
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PatternError> {
        match text {
            "" => Err(PatternError::EmptySegment),
            _ if text.ends_with('.') => Err(PatternError::DotSegment),
            "**" => Ok(Self::AnyDepth),
            _ if text.contains("**") => Err(PatternError::PartialDepth),
            _ => Ok(Wildcard::parse(text).map_or_else(|| Self::Literal(text.to_owned()), Self::Wild)),
        }
    }

    fn in_lower_case(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_ascii_lowercase()),
            Self::Wild(wildcard) => Self::Wild(wildcard.in_lower_case()),
            Self::AnyDepth => Self::AnyDepth,
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Wild(wildcard) => wildcard.matches(text),
            Self::AnyDepth => true,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AnyDepth, _) => true,
            (_, Self::AnyDepth) => false,
            (_, Self::Literal(text)) => self.matches(text),
            (Self::Wild(wildcard), Self::Wild(_)) => self == other || wildcard.matches_everything(),
            (Self::Literal(_), Self::Wild(_)) => false,
        }
    }
}

/// Beginnings of `text` which, with `suffix` appended, match what `text` matches. A `*` at its end stands for the
/// last character too, or for nothing.
fn stems_of<'t>(text: &'t str, suffix: &str, stems: &mut Vec<&'t str>) {
    let mut shorter = suffix.chars();
    let Some(last) = shorter.next_back() else { return stems.push(text) };
    if let Some(before) = text.strip_suffix('*') {
        stems_of(text, shorter.as_str(), stems);
        stems_of(before, suffix, stems);
    } else if let Some(before) = text.strip_suffix(last) {
        stems_of(before, shorter.as_str(), stems);
    }
}

/// Walks pattern and path together. At a segment that does not fit, the last `**` takes one more segment of the path
/// and the walk goes on after it. Going back to the last one is enough, so the cost is at most the product of the two
/// lengths, whatever the path. What follows the pattern's last `**` is matched against the last segments of the path,
/// so nothing is tried twice there.
///
/// `rest` is what is left of the path, without its leading slash; `None` at its end.
fn matches_from(segments: &[Segment], mut rest: Option<&str>) -> bool {
    let mut pattern = segments;
    let mut retry: Option<(&[Segment], &str)> = None;
    loop {
        match (pattern.split_first(), rest) {
            (Some((Segment::AnyDepth, [])), _) | (None, None) => return true,
            (Some((Segment::AnyDepth, behind)), _) => {
                let is_last = !behind.contains(&Segment::AnyDepth);
                retry = rest.filter(|_| !is_last).map(|rest| (behind, rest));
                if is_last {
                    rest = rest.map(|rest| last_segments(rest, behind.len()));
                }
                pattern = behind;
                continue;
            }
            (Some((segment, behind)), Some(text)) => {
                let (head, after) = split_segment(text);
                if segment.matches(head) {
                    (pattern, rest) = (behind, after);
                    continue;
                }
            }
            _ => {}
        }
        let Some((behind, text)) = retry else { return false };
        let (_, after) = split_segment(text);
        retry = after.map(|after| (behind, after));
        (pattern, rest) = (behind, after);
    }
}

/// The first segment of what is left of a path, and the rest.
pub(super) fn split_segment(text: &str) -> (&str, Option<&str>) {
    let end = text.bytes().position(|byte| byte == b'/');
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((segment, rest)) => (segment, rest.get(1..)),
        None => (text, None),
    }
}

/// The last `count` segments of a path, or all where it has no more.
fn last_segments(rest: &str, mut count: usize) -> &str {
    let slash = rest.bytes().rposition(|byte| {
        count = count.saturating_sub(usize::from(byte == b'/'));
        count == 0
    });
    slash.and_then(|slash| rest.get(slash.saturating_add(1)..)).unwrap_or(rest)
}

fn covers_from(general: &[Segment], special: &[Segment]) -> bool {
    match (general.split_first(), special.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((Segment::AnyDepth, rest)), None) => covers_from(rest, &[]),
        (Some(_), None) => false,
        (Some((Segment::AnyDepth, general_rest)), Some((_, special_rest))) => {
            covers_from(general_rest, special) || covers_from(general, special_rest)
        }
        (Some((first, general_rest)), Some((other, special_rest))) => {
            first.covers(other) && covers_from(general_rest, special_rest)
        }
    }
}

#[cfg(test)]
mod tests;
