use super::*;
use crate::{
    claims::{Selection, tests::claims},
    edge::tests::Counting,
    keyring::tests::ring,
};

const HOUR: Lifetime = Lifetime::from_seconds(3_600);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://id.example";
const BINDING: Binding<'static> = Binding { host: "docs.example.com", selection: "fp" };

fn session() -> Session {
    Session::begin(
        claims(&Selection::new(["admins"]), &["admins"], Some(("ada@example.com", true))),
        NOW,
        HOUR,
        &Counting::default(),
    )
}

fn open(cookie: &str, keys: &KeyRing, binding: Binding<'_>, now: Timestamp) -> Result<Session, SessionError> {
    Session::open(cookie, keys, binding, |id, issuer| (id, issuer) == ("work", ISSUER), now)
}

#[test]
fn a_session_opens_as_it_was_signed() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys, ISSUER, BINDING).unwrap();
    assert_eq!(open(&cookie, &keys, BINDING, NOW), Ok(session()));
}

#[test]
fn a_session_ends_to_the_second() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys, ISSUER, BINDING).unwrap();
    let last = Timestamp::from_seconds(NOW.seconds() + HOUR.seconds() - 1);
    assert!(open(&cookie, &keys, BINDING, last).is_ok());
    assert_eq!(open(&cookie, &keys, BINDING, NOW.after(HOUR)), Err(SessionError::Expired));
}

#[test]
fn a_session_is_bound_to_host_selection_and_provider() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys, ISSUER, BINDING).unwrap();
    assert_eq!(
        open(&cookie, &keys, Binding { host: "docs.example.net", ..BINDING }, NOW),
        Err(SessionError::OtherHost)
    );
    assert_eq!(open(&cookie, &keys, Binding { selection: "other", ..BINDING }, NOW), Err(SessionError::OtherSettings));
    let elsewhere = session().sign(&keys, "https://id.example/", BINDING).unwrap();
    assert_eq!(open(&elsewhere, &keys, BINDING, NOW), Err(SessionError::OtherSettings));
}

#[test]
fn a_rotation_keeps_sessions_until_the_previous_secret_goes() {
    let cookie = session().sign(&ring(1, None), ISSUER, BINDING).unwrap();
    assert!(open(&cookie, &ring(2, Some(1)), BINDING, NOW).is_ok());
    assert_eq!(open(&cookie, &ring(2, None), BINDING, NOW), Err(SessionError::NotOurs));
    let renewed = session().sign(&ring(2, Some(1)), ISSUER, BINDING).unwrap();
    assert!(open(&renewed, &ring(2, None), BINDING, NOW).is_ok());
}

#[test]
fn rfc6265bis_8_4_a_change_of_any_byte_is_refused() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys, ISSUER, BINDING).unwrap();
    for position in 0..cookie.len() {
        for replacement in [b'A', b'Q', b'.', b'=', b'-'] {
            let mut changed = cookie.clone().into_bytes();
            if changed[position] == replacement {
                continue;
            }
            changed[position] = replacement;
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&changed, &keys, BINDING, NOW).is_err(), "byte {position} as {}", char::from(replacement));
        }
    }
    for length in 0..cookie.len() {
        assert!(open(cookie.get(..length).unwrap(), &keys, BINDING, NOW).is_err(), "length {length}");
    }
}

#[test]
fn other_jwts_of_the_same_key_are_no_sessions() {
    let keys = ring(1, None);
    let generation = keys.current().unwrap();
    let key = Hs256Key::new(generation.key(Purpose::Session).expose());
    let payload = || Payload {
        iss: ISSUER.into(),
        aud: BINDING.host.into(),
        sid: "s".into(),
        fp: "fp".into(),
        who: session().claims,
    };
    let mut whole = jwt_compact::Claims::new(payload());
    whole.issued_at = moment(NOW);
    whole.expiration = moment(NOW.after(HOUR));
    let sign = |header: &Header, claims: &jwt_compact::Claims<Payload>| Hs256.token(header, claims, &key).unwrap();
    let header = || Header::empty().with_key_id(generation.id());
    assert!(open(&sign(&header().with_token_type(TYPE), &whole), &keys, BINDING, NOW).is_ok());
    let rows = [
        sign(&header(), &whole),
        sign(&header().with_token_type("JWT"), &whole),
        sign(&Header::empty().with_token_type(TYPE), &whole),
        sign(&header().with_token_type(TYPE), &jwt_compact::Claims::new(payload())),
    ];
    for cookie in rows {
        assert_eq!(open(&cookie, &keys, BINDING, NOW), Err(SessionError::NotOurs), "{cookie}");
    }
}

#[test]
fn what_does_not_fit_a_cookie_is_refused_and_not_cut() {
    let groups: Vec<String> = (0..120).map(|number| format!("a-group-with-a-long-name-{number:03}")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let claims = claims(&Selection::new(groups.iter().copied()), &groups, None);
    let session = Session::begin(claims, NOW, HOUR, &Counting::default());
    assert_eq!(session.sign(&ring(1, None), ISSUER, BINDING), Err(TooLong));
}
