//! [`Endpoint`]: the addresses under the prefix that the gate answers itself.

/// One of the gate's own endpoints. Its path is exact; anything else under the prefix is 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Starts a login.
    Login,
    /// Takes the provider's answer.
    Callback,
    /// Asks whether to sign out, and ends the session.
    Logout,
    /// The page after a logout.
    SignedOut,
    /// The page at which a pop-up's login ends.
    SignedIn,
    /// Who the session says you are.
    Me,
    /// The public keys of the assertion for the origin.
    Jwks,
    /// The script for single-page apps.
    Client,
    /// Tells a reverse proxy whether it may let a request pass.
    Check,
    /// For a monitor.
    Health,
}

impl Endpoint {
    const ALL: [Self; 10] = [
        Self::Login,
        Self::Callback,
        Self::Logout,
        Self::SignedOut,
        Self::SignedIn,
        Self::Me,
        Self::Jwks,
        Self::Client,
        Self::Check,
        Self::Health,
    ];

    /// The endpoint at exactly `path`.
    pub fn find(path: &str, prefix: &str) -> Option<Self> {
        let name = path.strip_prefix(prefix)?.strip_prefix('/')?;
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
    }

    /// The last segment of its path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Callback => "callback",
            Self::Logout => "logout",
            Self::SignedOut => "signed-out",
            Self::SignedIn => "signed-in",
            Self::Me => "me",
            Self::Jwks => "jwks.json",
            Self::Client => "client.js",
            Self::Check => "check",
            Self::Health => "health",
        }
    }

    /// Whether it answers while the gate is locked down: the health check; the way out; the keys, which an origin
    /// should not lose meanwhile; and the check by which a proxy learns of the lock-down.
    pub const fn answers_locked_down(self) -> bool {
        matches!(self, Self::Health | Self::Logout | Self::SignedOut | Self::Jwks | Self::Check)
    }

    /// The methods it takes, for `Allow`.
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Callback | Self::Check => "GET",
            Self::Logout => "GET, POST",
            Self::Login | Self::SignedOut | Self::SignedIn | Self::Me | Self::Jwks | Self::Client | Self::Health => {
                "GET, HEAD"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact() {
        assert_eq!(Endpoint::find("/.auth/callback", "/.auth"), Some(Endpoint::Callback));
        assert_eq!(Endpoint::find("/.auth/client.js", "/.auth"), Some(Endpoint::Client));
        for path in [
            "/.auth",
            "/.auth/",
            "/.auth/callback/",
            "/.auth/Callback",
            "/.auth/callbackx",
            "/.auth/client",
            "/.auth/client.js/",
            "/.auth/client.js.map",
            "/.auth/x/callback",
            "/.auth//callback",
            "/callback",
            "/x/.auth/callback",
        ] {
            assert_eq!(Endpoint::find(path, "/.auth"), None, "{path}");
        }
    }
}
