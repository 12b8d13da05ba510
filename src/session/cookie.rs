//! Cookies: the names of ours, reading the `Cookie` header, writing `Set-Cookie` lines.
//!
//! RFC 6265bis. Names are compared with their case: a browser guards every spelling of `__Host-`, but
//! `__HOST-portcullis` is a different cookie from ours (5.4).

use std::rc::Rc;

use crate::time::Lifetime;

/// The most that a browser keeps of one cookie, name and value together (RFC 6265bis, 5.6), with a little to spare
/// for what is counted differently.
pub const COOKIE_BYTES: usize = 4_000;

const SESSION: &str = "portcullis";
const LOGIN: &str = "portcullis-login-";
const HINT: &str = "portcullis-hint";
const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// The names of the gate's cookies on one kind of host.
///
/// On a loopback host over plain HTTP there is neither a prefix nor `Secure`, since a browser would keep no such
/// cookie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    development: bool,
}

/// The longest `Cookie` header that is searched for a session. Browsers send up to some 200 KB to a host that sets
/// that much; servers accept 8 KB.
const HEADER_BYTES: usize = 65_536;

/// The cookies of a request, sorted into ours and the origin's.
#[derive(Debug, Default)]
pub struct Cookies<'h> {
    session: Occurrence<'h>,
    logins: Vec<(&'h str, &'h str)>,
    hint: Occurrence<'h>,
    others: Vec<&'h str>,
    ours: bool,
}

/// How many cookies of one name there are. With two, nobody can know which is meant.
#[derive(Clone, Copy, Debug, Default)]
enum Occurrence<'h> {
    #[default]
    None,
    One(&'h str),
    Several,
}

impl<'h> Occurrence<'h> {
    fn and(self, value: &'h str) -> Self {
        if matches!(self, Self::None) { Self::One(value) } else { Self::Several }
    }

    fn one(self) -> Option<&'h str> {
        if let Self::One(value) = self { Some(value) } else { None }
    }
}

/// What becomes of the `Cookie` header on the way to the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieEdit {
    /// It holds none of ours, and stays.
    Keep,
    /// Nothing is left without ours.
    Remove,
    /// What is left without ours.
    Replace(Rc<str>),
}

impl CookieNames {
    /// The names on a development host, or on any other.
    pub fn new(development: bool) -> Self {
        Self { development }
    }

    /// The session's cookie.
    pub fn session(self) -> String {
        self.named(HOST_PREFIX, SESSION)
    }

    /// The cookie of the pending login with this id.
    pub fn login(self, id: &str) -> String {
        self.named(HOST_PREFIX, &format!("{LOGIN}{id}"))
    }

    /// The cookie that keeps the ID token for the provider's logout.
    pub fn hint(self) -> String {
        self.named(SECURE_PREFIX, HINT)
    }

    fn named(self, prefix: &str, name: &str) -> String {
        if self.development { name.to_owned() } else { format!("{prefix}{name}") }
    }

    fn prefix(self, prefix: &'static str) -> &'static str {
        if self.development { "" } else { prefix }
    }

    /// The `Set-Cookie` line for `name`, kept for `lifetime`. A lifetime of zero deletes the cookie; a deletion has
    /// to repeat every attribute.
    pub fn line(self, name: &str, value: &str, path: &str, lifetime: Lifetime) -> String {
        let secure = if self.development { "" } else { "; Secure" };
        format!("{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", lifetime.seconds())
    }

    /// The `Set-Cookie` line that deletes `name`.
    pub fn deletion(self, name: &str, path: &str) -> String {
        self.line(name, "", path, Lifetime::from_seconds(0))
    }
}

impl<'h> Cookies<'h> {
    /// Sorts the value of a `Cookie` header.
    ///
    /// A browser guards the prefixes of names, but not the values of other cookies: a sibling host may set
    /// `x="1,__Host-portcullis=…"`, or a name that is ours only once some Unicode space is cut off. Such a piece
    /// never counts as a cookie of ours, but is kept from the origin all the same, since several header lines arrive
    /// joined by a comma.
    pub fn parse(header: &'h str, names: CookieNames) -> Self {
        let mut cookies = Self::default();
        for piece in header.split(';') {
            cookies.take(piece, names, header.len() <= HEADER_BYTES);
        }
        cookies
    }

    fn take(&mut self, piece: &'h str, names: CookieNames, counts: bool) {
        let pair = piece.trim_matches([' ', '\t']);
        if pair.is_empty() {
            return;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.trim_end_matches([' ', '\t']);
        if is_ours(name) {
            self.ours = true;
            if counts && !value.contains(',') {
                self.count(name, value.trim_matches([' ', '\t']), names);
            }
            return;
        }
        match before_ours(pair) {
            Some(rest) => {
                self.ours = true;
                let rest = rest.trim();
                if !rest.is_empty() {
                    self.others.push(rest);
                }
            }
            None => self.others.push(pair),
        }
    }

    fn count(&mut self, name: &'h str, value: &'h str, names: CookieNames) {
        if let Some(bare) = name.strip_prefix(names.prefix(HOST_PREFIX)) {
            if bare == SESSION {
                self.session = self.session.and(value);
            } else if let Some(id) = bare.strip_prefix(LOGIN) {
                self.logins.push((id, value));
            }
        }
        if name.strip_prefix(names.prefix(SECURE_PREFIX)) == Some(HINT) {
            self.hint = self.hint.and(value);
        }
    }

    /// The session cookie's value, if there is exactly one.
    pub fn session(&self) -> Option<&'h str> {
        self.session.one()
    }

    /// The pending logins: id and value, as they came.
    pub fn logins(&self) -> &[(&'h str, &'h str)] {
        &self.logins
    }

    /// The pending login with this id, if there is exactly one.
    pub fn login(&self, id: &str) -> Option<&'h str> {
        let mut found = self.logins.iter().filter(|(name, _)| *name == id).map(|(_, value)| *value);
        found.next().filter(|_| found.next().is_none())
    }

    /// The value of the logout hint, if there is exactly one.
    pub fn hint(&self) -> Option<&'h str> {
        self.hint.one()
    }

    /// Whether the browser sends no cookie of ours at all.
    pub fn are_none_of_ours(&self) -> bool {
        matches!(self.session, Occurrence::None) && self.logins.is_empty() && matches!(self.hint, Occurrence::None)
    }

    /// What the origin gets: every cookie but ours.
    pub fn for_origin(&self) -> CookieEdit {
        match (self.ours, self.others.is_empty()) {
            (false, _) => CookieEdit::Keep,
            (true, true) => CookieEdit::Remove,
            (true, false) => CookieEdit::Replace(self.others.join("; ").into()),
        }
    }
}

/// Whether a cookie of this name is the gate's, on any kind of host.
fn is_ours(name: &str) -> bool {
    let bare = name.strip_prefix(HOST_PREFIX).or_else(|| name.strip_prefix(SECURE_PREFIX)).unwrap_or(name);
    bare == SESSION || bare == HINT || bare.starts_with(LOGIN)
}

/// What comes before a piece of `pair` that looks like a cookie of ours: after a comma, or after space that browsers
/// do not treat as space. Everything from there on is dropped.
fn before_ours(pair: &str) -> Option<&str> {
    if is_like_ours(pair.trim_start()) {
        return Some("");
    }
    let mut commas = pair.match_indices(',').map(|(position, _)| position);
    let found = commas.find(|position| {
        pair.get(position.saturating_add(1)..).is_some_and(|behind| is_like_ours(behind.trim_start()))
    })?;
    pair.get(..found)
}

/// Whether `text` begins like a cookie of ours. Looks at a few bytes only.
fn is_like_ours(text: &str) -> bool {
    let bare = text.strip_prefix(HOST_PREFIX).or_else(|| text.strip_prefix(SECURE_PREFIX)).unwrap_or(text);
    let Some(rest) = bare.strip_prefix(SESSION) else { return false };
    // The name ends there, with a value or without one.
    let ends = |rest: &str| rest.trim_start().chars().next().is_none_or(|next| matches!(next, '=' | ','));
    rest.starts_with("-login-") || ends(rest.strip_prefix("-hint").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: CookieNames = CookieNames { development: false };

    #[test]
    fn rfc6265bis_4_1_3_2_host_cookies_are_secure_rooted_and_without_domain() {
        let line = NAMES.line(&NAMES.session(), "v", "/", Lifetime::from_seconds(60));
        assert_eq!(line, "__Host-portcullis=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(
            NAMES.deletion("__Host-portcullis", "/"),
            "__Host-portcullis=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
        let local = CookieNames::new(true);
        assert_eq!(
            local.line(&local.session(), "v", "/", Lifetime::from_seconds(60)),
            "portcullis=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn rfc6265bis_5_4_names_are_compared_in_their_case() {
        for header in [
            "__HOST-portcullis=x",
            "__host-portcullis=x",
            "__Host-Portcullis=x",
            "portcullis=x",
            "__Secure-portcullis=x",
        ] {
            assert_eq!(Cookies::parse(header, NAMES).session(), None, "{header}");
        }
        assert_eq!(Cookies::parse("__HOST-portcullis=y; __Host-portcullis=x", NAMES).session(), Some("x"));
        assert_eq!(Cookies::parse("__Host-portcullis=x", CookieNames::new(true)).session(), None);
    }

    #[test]
    fn rfc6265bis_8_6_two_session_cookies_are_none() {
        assert_eq!(Cookies::parse("__Host-portcullis=a; __Host-portcullis=b", NAMES).session(), None);
        assert_eq!(Cookies::parse("__Host-portcullis=a=; __Host-portcullis=b", NAMES).session(), None);
        // Two header lines, joined: the value is not one of ours.
        assert_eq!(Cookies::parse("__Host-portcullis=a, __Host-portcullis=b", NAMES).session(), None);
    }

    #[test]
    fn a_cookie_planted_within_another_or_behind_odd_space_never_counts() {
        for planted in [
            "x=1,__Host-portcullis=evil",
            "x=1, __Host-portcullis=evil",
            "x=\"1,__Host-portcullis=evil\"",
            "\u{2000}__Host-portcullis=evil",
            "\u{a0}__Host-portcullis=evil",
            "\u{2000}__Host-portcullis-login-a=evil",
            "x=,\u{3000}__Host-portcullis=evil",
            "__Host-portcullis\u{2000}=evil",
        ] {
            let cookies = Cookies::parse(planted, NAMES);
            assert_eq!((cookies.session(), cookies.logins().len()), (None, 0), "{planted}");
            let beside = format!("{planted}; __Host-portcullis=mine");
            let cookies = Cookies::parse(&beside, NAMES);
            assert_eq!(cookies.session(), Some("mine"), "{planted}");
            match cookies.for_origin() {
                CookieEdit::Replace(rest) => assert!(!rest.contains("evil"), "{rest}"),
                edit => assert_eq!(edit, CookieEdit::Remove),
            }
        }
    }

    #[test]
    fn a_long_header_costs_no_more_than_its_length_and_holds_no_session() {
        let commas = format!("a={}; __Host-portcullis=x", ",".repeat(120_000));
        assert_eq!(Cookies::parse(&commas, NAMES).session(), None);
        let names = format!("a={}", ",portcullis".repeat(10_000));
        assert!(matches!(Cookies::parse(&names, NAMES).for_origin(), CookieEdit::Keep | CookieEdit::Replace(_)));
    }

    #[test]
    fn ours_never_reach_the_origin_and_all_others_do() {
        let rows = [
            ("a=1; b=2", CookieEdit::Keep),
            ("", CookieEdit::Keep),
            ("a=1,2; b=\"x\"; flag", CookieEdit::Keep),
            ("__Host-portcullis=s", CookieEdit::Remove),
            ("a=1; __Host-portcullis=s; b=2", CookieEdit::Replace("a=1; b=2".into())),
            ("a=1, __Host-portcullis=s", CookieEdit::Replace("a=1".into())),
            ("a=1,2,portcullis=s,b=3", CookieEdit::Replace("a=1,2".into())),
            ("portcullis-hint,portcullis=s; a=1", CookieEdit::Replace("a=1".into())),
            ("a=1,portcullis,portcullis=s", CookieEdit::Replace("a=1".into())),
            ("a=1,portcullis-hintx=1", CookieEdit::Keep),
            ("a=1,__Secure-portcullis-hint=s", CookieEdit::Replace("a=1".into())),
            ("a=1,portcullis", CookieEdit::Replace("a=1".into())),
            ("__Host-portcullis=s;", CookieEdit::Remove),
            ("\u{2000}portcullis=s", CookieEdit::Remove),
            (
                "portcullis-login-x=1;__Host-portcullis-login-y=2; __Secure-portcullis-hint=3;portcullis-hint=4",
                CookieEdit::Remove,
            ),
            ("__Host-portcullis", CookieEdit::Remove),
            ("portcullisx=1; xportcullis=2", CookieEdit::Keep),
            ("__Host-portcullis =s; a=1", CookieEdit::Replace("a=1".into())),
        ];
        for (header, expected) in rows {
            assert_eq!(Cookies::parse(header, NAMES).for_origin(), expected, "{header:?}");
        }
    }

    #[test]
    fn a_browser_that_shows_any_cookie_of_ours_keeps_cookies() {
        for (header, none) in [
            ("", true),
            ("a=1; portcullis=x; __Host-portcullisx=1", true),
            ("a=1; __Host-portcullis=x", false),
            ("__Host-portcullis=x; __Host-portcullis=y", false),
            ("__Host-portcullis-login-a=1", false),
            ("__Secure-portcullis-hint=1", false),
        ] {
            assert_eq!(Cookies::parse(header, NAMES).are_none_of_ours(), none, "{header}");
        }
    }

    #[test]
    fn a_login_is_found_by_its_id_when_it_is_the_only_one() {
        let cookies = Cookies::parse(
            "__Host-portcullis-login-a=1; __Host-portcullis-login-b=2; __Host-portcullis-login-b=3",
            NAMES,
        );
        assert_eq!((cookies.login("a"), cookies.login("b"), cookies.login("c")), (Some("1"), None, None));
        assert_eq!(cookies.logins().len(), 3);
    }
}
