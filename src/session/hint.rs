//! [`LogoutHint`]: the ID token, kept sealed for the provider's logout (RP-Initiated Logout 1.0, 2).

use super::{
    COOKIE_BYTES, CookieNames,
    seal::{self, Place},
};
use crate::{
    edge::Entropy,
    keyring::{KeyRing, Purpose},
    secret::Secret,
    time::Lifetime,
};

/// Which provider to sign out at, and the ID token that says who. It belongs to one session: a sibling host can plant
/// a cookie of this name, and with it sign somebody else out.
#[derive(Debug)]
pub struct LogoutHint {
    /// The provider's id.
    pub provider: String,
    /// The id of the session that the same login began.
    pub session: String,
    /// The ID token, as the provider issued it.
    pub id_token: Secret<String>,
}

impl LogoutHint {
    /// The `Set-Cookie` line that keeps it, for the logout's path alone; `None` if it does not fit a cookie, and the
    /// provider's logout has to do without.
    pub fn keep(
        &self,
        keys: &KeyRing,
        names: CookieNames,
        place: (&str, &str),
        lifetime: Lifetime,
        entropy: &impl Entropy,
    ) -> Option<String> {
        let (host, path) = place;
        let name = names.hint();
        let text = Secret::new(format!("{} {} {}", self.provider, self.session, self.id_token.expose()));
        let sealed = seal::seal(
            keys,
            Place { purpose: Purpose::LogoutHint, name: &name, host },
            text.expose().as_bytes(),
            entropy,
        )
        .ok()?;
        (sealed.len() <= COOKIE_BYTES).then(|| names.line(&name, &sealed, path, lifetime))
    }

    /// Opens the cookie's value; `None` for anything that is not ours.
    pub fn open(value: &str, keys: &KeyRing, names: CookieNames, host: &str) -> Option<Self> {
        let name = names.hint();
        let text = seal::open(keys, Place { purpose: Purpose::LogoutHint, name: &name, host }, value).ok()?;
        let text = Secret::new(String::from_utf8(text).ok()?);
        let mut parts = text.expose().splitn(3, ' ');
        let (provider, session, id_token) = (parts.next()?, parts.next()?, parts.next()?);
        let (provider, session) = (provider.to_owned(), session.to_owned());
        Some(Self { provider, session, id_token: Secret::new(id_token.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::tests::Counting, keyring::tests::ring};

    #[test]
    fn a_hint_is_kept_for_the_logout_alone_and_only_when_it_fits() {
        let (keys, names, entropy) = (ring(1, None), CookieNames::new(false), Counting::default());
        let place = ("docs.example.com", "/.auth/logout");
        let hint = |length: usize| LogoutHint {
            provider: "work".into(),
            session: "s".into(),
            id_token: Secret::new("t".repeat(length)),
        };
        let line = hint(2_000).keep(&keys, names, place, Lifetime::from_seconds(60), &entropy).unwrap();
        assert!(line.starts_with("__Secure-portcullis-hint=") && line.contains("; Path=/.auth/logout; "), "{line}");
        let value = line.split(['=', ';']).nth(1).unwrap();
        let opened = LogoutHint::open(value, &keys, names, place.0).unwrap();
        assert_eq!((opened.provider.as_str(), opened.session.as_str()), ("work", "s"));
        assert_eq!(opened.id_token.expose().len(), 2_000);
        assert!(LogoutHint::open(value, &keys, names, "docs.example.net").is_none());
        assert!(hint(6_000).keep(&keys, names, place, Lifetime::from_seconds(60), &entropy).is_none());
    }
}
