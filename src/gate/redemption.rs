//! [`RedeemableLogin`]: a pending login whose code may be exchanged, which it may once.

use crate::{
    ring::Ring,
    session::{LoginId, PendingLogin},
};

/// How many logins an isolate remembers as redeemed: more than can be pending at once in ten minutes at a hundred
/// logins a minute.
const MOST: usize = 1_024;

/// The logins whose code this isolate has exchanged.
#[derive(Debug, Default)]
pub(super) struct RedeemedLogins(Ring<LoginId, MOST>);

/// A pending login whose code may be exchanged. Only [`RedeemedLogins::redeem`] makes one.
#[derive(Debug)]
pub(super) struct RedeemableLogin(PendingLogin);

impl RedeemedLogins {
    /// The login, to be redeemed now; `None` if it was redeemed before: one token call per pending login, even when a
    /// browser sends the callback twice at once.
    pub(super) fn redeem(&mut self, pending: PendingLogin) -> Option<RedeemableLogin> {
        if self.0.find(|redeemed| *redeemed == pending.id).is_some() {
            return None;
        }
        self.0.keep(pending.id.clone());
        Some(RedeemableLogin(pending))
    }
}

impl RedeemableLogin {
    /// What was kept of the login while it was pending.
    pub(super) fn pending(&self) -> &PendingLogin {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::tests::Counting, secret::Secret, time::Timestamp};

    #[test]
    fn a_login_is_redeemed_once_while_it_is_among_the_last() {
        let entropy = Counting::default();
        let secret = || Secret::new("s".to_owned());
        let login = || PendingLogin {
            id: LoginId::new(&entropy),
            provider: "work".into(),
            issuer: "https://id.example".into(),
            nonce: secret(),
            verifier: secret(),
            started: Timestamp::from_seconds(1),
        };
        let (mut redeemed, first) = (RedeemedLogins::default(), login());
        assert!(redeemed.redeem(first.clone()).is_some());
        for _ in 1..MOST {
            assert!(redeemed.redeem(login()).is_some());
        }
        assert!(redeemed.redeem(first.clone()).is_none());
        // What is remembered has a bound.
        assert!(redeemed.redeem(login()).is_some());
        assert!(redeemed.redeem(first).is_some());
    }
}
