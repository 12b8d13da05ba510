//! [`VerifiedCookies`]: what a `Cookie` header holds, for as long as the same header keeps coming.

use std::rc::Rc;

use super::{CookieEdit, CookieNames, Cookies, SignedSession, VerificationCache};
use crate::keyring::KeyRing;

/// A `Cookie` header in which a session was verified: as long as it is, byte for byte, the same, it is neither read
/// nor verified again. Whether the session counts here and now is checked each time all the same.
#[derive(Debug)]
pub struct VerifiedCookies {
    header: String,
    names: CookieNames,
    session: Rc<SignedSession>,
    for_origin: CookieEdit,
}

impl VerifiedCookies {
    /// What `header` holds under these names. `None` without a session that one of the keys signed: nothing else in a
    /// header is worth the space.
    pub fn read(
        header: String,
        names: CookieNames,
        recent: &mut VerificationCache<SignedSession>,
        keys: &KeyRing,
    ) -> Option<Self> {
        let cookies = Cookies::parse(&header, names);
        let session = recent.verify(cookies.session()?, keys).ok()?;
        let for_origin = cookies.for_origin();
        Some(Self { header, names, session, for_origin })
    }

    /// The header, as it came.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Whether it was read under these names.
    pub fn is_under(&self, names: CookieNames) -> bool {
        self.names == names
    }

    /// The session, verified but not yet checked.
    pub fn session(&self) -> &Rc<SignedSession> {
        &self.session
    }

    /// What the origin gets of the header.
    pub fn for_origin(&self) -> CookieEdit {
        self.for_origin.clone()
    }
}
