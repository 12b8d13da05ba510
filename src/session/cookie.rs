//! Cookies: the names of ours, the `Cookie` header read once, `Set-Cookie` lines written.
//!
//! RFC 6265bis. Names are compared in their case: a browser guards every spelling of `__Host-`,
//! but `__HOST-portcullis` is another cookie than ours (5.4).

use crate::time::Lifetime;

/// The most a browser keeps of one cookie, name and value together (RFC 6265bis, 5.6), less a
/// little for what counts differently.
pub const COOKIE_BYTES: usize = 4_000;

const SESSION: &str = "portcullis";
const LOGIN: &str = "portcullis-login-";
const HINT: &str = "portcullis-hint";
const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// The names of the gate's cookies on one kind of host.
///
/// On a loopback host over plain http there is neither a prefix nor `Secure`, since a browser
/// would keep no such cookie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    development: bool,
}

/// The cookies of a request, sorted into ours and the origin's.
#[derive(Debug, Default)]
pub struct Cookies<'h> {
    session: Vec<&'h str>,
    logins: Vec<(&'h str, &'h str)>,
    hint: Option<&'h str>,
    others: Vec<&'h str>,
    ours: bool,
}

/// What the `Cookie` header of the origin's request is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieEdit {
    /// None of ours is in it.
    Keep,
    /// Without ours there is nothing left.
    Remove,
    /// What is left without ours.
    Replace(String),
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

    /// The `Set-Cookie` line for `name`, kept for `lifetime`; nothing for a lifetime of nothing
    /// but the deletion, which repeats every attribute.
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
    /// Sorts the value of a `Cookie` header. Several header lines arrive joined by a comma, so one
    /// of our names behind a comma starts a cookie as well.
    pub fn parse(header: &'h str, names: CookieNames) -> Self {
        let mut cookies = Self::default();
        for pair in header.split(';').flat_map(at_commas_before_ours) {
            cookies.take(pair.trim(), names);
        }
        cookies
    }

    fn take(&mut self, pair: &'h str, names: CookieNames) {
        if pair.is_empty() {
            return;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), value.trim());
        if !is_ours(name) {
            self.others.push(pair);
            return;
        }
        self.ours = true;
        if let Some(bare) = name.strip_prefix(names.prefix(HOST_PREFIX)) {
            if bare == SESSION {
                self.session.push(value);
            } else if let Some(id) = bare.strip_prefix(LOGIN) {
                self.logins.push((id, value));
            }
        }
        if name.strip_prefix(names.prefix(SECURE_PREFIX)) == Some(HINT) {
            self.hint = Some(value);
        }
    }

    /// The session cookie's value. Two of them are one too many: which is meant cannot be known.
    pub fn session(&self) -> Option<&'h str> {
        match self.session.as_slice() {
            [value] => Some(value),
            _ => None,
        }
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

    /// The value of the logout hint.
    pub fn hint(&self) -> Option<&'h str> {
        self.hint
    }

    /// What the origin gets: every cookie but ours.
    pub fn for_origin(&self) -> CookieEdit {
        match (self.ours, self.others.is_empty()) {
            (false, _) => CookieEdit::Keep,
            (true, true) => CookieEdit::Remove,
            (true, false) => CookieEdit::Replace(self.others.join("; ")),
        }
    }
}

/// Whether a cookie of this name is the gate's, on any kind of host.
fn is_ours(name: &str) -> bool {
    let bare = name.strip_prefix(HOST_PREFIX).or_else(|| name.strip_prefix(SECURE_PREFIX)).unwrap_or(name);
    bare == SESSION || bare == HINT || bare.starts_with(LOGIN)
}

/// Splits at each comma behind which one of our names begins. Other cookies may hold commas.
fn at_commas_before_ours(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest.take()?;
        let cut = text.match_indices(',').find(|(position, _)| {
            let behind = text.get(position.saturating_add(1)..).unwrap_or_default().trim_start();
            behind.split_once('=').is_some_and(|(name, _)| is_ours(name.trim_end()))
        });
        let Some((position, _)) = cut else { return Some(text) };
        rest = text.get(position.saturating_add(1)..);
        text.get(..position)
    })
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
        for header in [
            "__Host-portcullis=a; __Host-portcullis=b",
            "__Host-portcullis=a, __Host-portcullis=b",
            "x=1, __Host-portcullis=a;__Host-portcullis=a",
        ] {
            assert_eq!(Cookies::parse(header, NAMES).session(), None, "{header}");
        }
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
    fn a_login_is_found_by_its_id_when_it_is_the_only_one() {
        let cookies = Cookies::parse(
            "__Host-portcullis-login-a=1; __Host-portcullis-login-b=2; __Host-portcullis-login-b=3",
            NAMES,
        );
        assert_eq!((cookies.login("a"), cookies.login("b"), cookies.login("c")), (Some("1"), None, None));
        assert_eq!(cookies.logins().len(), 3);
    }
}
