use portcullis::{
    session::{CookieNames, LoginCookie, LoginState, LogoutHint},
    time::{Lifetime, Timestamp},
};

use super::edited;
use crate::site::{HOST_NAME, NOW, keys, started};

/// The value of a `state`, of a pending login's cookie, or of the logout's: `$STATE` and `$PENDING` are
/// whole ones, `!` changes bytes. Only what was sealed opens, in its own place, whatever the time.
pub fn sealed(data: &[u8]) {
    let login = started();
    let (keys, names) = (keys(), CookieNames::new(false));
    let values = [("$STATE", login.state.as_str()), ("$PENDING", login.pending.as_str())];
    for original in [&login.state, &login.pending] {
        let value = edited(original, data, &values);
        let opened = LoginState::open(&value, &keys, HOST_NAME).is_ok();
        assert_eq!(opened, value == login.state, "state {value:?}");
        for (now, alive) in
            [(NOW, true), (NOW.after(Lifetime::from_seconds(601)), false), (Timestamp::from_seconds(0), true)]
        {
            let pending = LoginCookie::open(&login.short_id, &value, &keys, names, HOST_NAME, now);
            assert_eq!(pending.is_ok(), value == login.pending && alive, "pending {value:?} at {now:?}");
        }
        assert!(
            LoginCookie::open(&value, &login.pending, &keys, names, HOST_NAME, NOW).is_err() || value == login.short_id
        );
        assert!(LogoutHint::open(&value, &keys, names, HOST_NAME).is_none());
        assert!(LoginState::open(&value, &keys, "docs.example.net").is_err());
    }
}
