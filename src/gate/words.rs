//! What the visitor is told when the gate says no: what happened, and what to do. No text tells an attacker more than
//! its code does.

use super::Rejection;
use crate::oidc::AuthorizationError;

impl Rejection {
    /// What the visitor is told: what happened, and what to do.
    pub(super) const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Host(_) => {
                ("Wrong address", "This address is not served here. Check it, and open the site by the name you know.")
            }
            Self::Insecure => {
                ("Not encrypted", "This site takes data over https only. Open it again with https:// in front.")
            }
            Self::Path(_) | Self::Ambiguous(_) => (
                "This address cannot be opened",
                "The address has characters in it that could be read in more than one way. Check the link, or start from the home page.",
            ),
            Self::DoubtfulMethod => (
                "Not possible",
                "The request cannot be passed on with this method. Send it with the one it is meant with, and without a header that says another.",
            ),
            Self::SubRequest(_) | Self::ForgedIdentity(_) => (
                "Not possible",
                "The request has a header that only the servers of this site may set. Send it without.",
            ),
            Self::NotFound | Self::OwnPath => {
                ("Page not found", "There is nothing at this address. Check it, or start from the home page.")
            }
            Self::Method(_) => {
                ("Not possible", "This address does not take this kind of request. Start from the home page.")
            }
            Self::CrossSite => (
                "Not from here",
                "Another site tried to do this in your name, so it was not done. If it was you, start from this site's own pages.",
            ),
            Self::Denied { .. } => (
                "You cannot open this page",
                "This page is for others. If you think it should be for you too, ask the people who run this site.",
            ),
            Self::StepUpUnmet(_) => (
                "A stronger sign-in is needed",
                "This page asks for a sign-in that the sign-in service did not make just now, such as with a second factor. Try again with one, or ask the people who run this site.",
            ),
            Self::NotNavigation => ("Sign in first", "Open this address in a tab of its own to sign in."),
            Self::UnknownProvider => {
                ("Unknown sign-in", "This site does not offer that sign-in. Try again with one that it has.")
            }
            Self::SessionNotKept => (
                "Your browser did not keep the sign-in",
                "You signed in, but your browser did not send the cookie that says so. Allow cookies for this site, check that your clock is right, and try again.",
            ),
            Self::LoginNotKept => (
                "Your browser does not keep cookies",
                "Signing in needs a cookie, and your browser did not send back the one this site gave it. Allow cookies for this site and try again.",
            ),
            Self::Response => (
                "This sign-in cannot be continued",
                "The link that brought you here is incomplete or not from this site. Start again.",
            ),
            Self::ResponseIssuer | Self::Token(_) | Self::NoKey | Self::IdToken(_) | Self::UserInfo(_) => (
                "Signing in did not work",
                "The sign-in service gave an answer that could not be accepted. Try again; if it happens again, tell the people who run this site.",
            ),
            Self::Provider(AuthorizationError::AccessDenied) => (
                "Sign-in was declined",
                "The sign-in was cancelled, or the sign-in service does not let your account in here. Sign in again, with another account if you have one.",
            ),
            Self::Provider(AuthorizationError::Temporary(_))
            | Self::ProviderDown(_)
            | Self::TokenEndpointDown(_)
            | Self::KeysDown(_)
            | Self::UserInfoDown(_) => (
                "The sign-in service does not answer",
                "Signing in is not possible at the moment. Wait a little and try again. People who are signed in already are not affected.",
            ),
            Self::Provider(AuthorizationError::Refused(_)) => (
                "The sign-in service refused",
                "This site is not set up correctly at the sign-in service. Tell the people who run this site.",
            ),
            Self::TooManyClaims(_) => (
                "Your account has too many groups",
                "This site needs to remember more of your groups than it can. Tell the people who run this site.",
            ),
            Self::ForeignLogout => (
                "You are still signed in",
                "Another site tried to sign you out. To sign out, use this site's own button.",
            ),
            Self::Machine(rejection) => rejection.words(),
            Self::LockedDown => {
                ("Closed for now", "The people who run this site have closed it for the moment. Try again later.")
            }
            Self::Unsigned | Self::Internal | Self::Undecided => {
                ("Something went wrong", "This is a fault of this site. Tell the people who run it.")
            }
        }
    }
}
