use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;

use super::*;
use crate::{
    claims::{Selection, tests::claims},
    edge::tests::Counting,
    keyring::tests::ring,
};

const HOUR: Lifetime = Lifetime::from_seconds(3_600);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://id.example";
const BINDING: Binding<'static> = Binding { host: "docs.example.com", selection: "fp", lifetime: HOUR };

fn session() -> Session {
    session_of("https://id.example")
}

fn session_of(issuer: &str) -> Session {
    let claims = claims(&Selection::new(["admins"]), &["admins"], Some(("ada@example.com", true)));
    Session::begin(claims, issuer, BINDING, NOW, &Counting::default())
}

fn open(cookie: &str, keys: &KeyRing, binding: Binding<'_>, now: Timestamp) -> Result<Session, SessionError> {
    Session::open(cookie, keys, binding, |id, issuer| (id, issuer) == ("work", ISSUER), now)
}

#[test]
fn a_session_opens_as_it_was_signed() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys).unwrap();
    assert_eq!(open(&cookie, &keys, BINDING, NOW), Ok(session()));
}

#[test]
fn a_session_ends_to_the_second() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys).unwrap();
    let last = Timestamp::from_seconds(NOW.seconds() + HOUR.seconds() - 1);
    assert!(open(&cookie, &keys, BINDING, last).is_ok());
    assert_eq!(open(&cookie, &keys, BINDING, NOW.after(HOUR)), Err(SessionError::Expired));
}

#[test]
fn a_session_is_bound_to_host_selection_and_provider() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys).unwrap();
    assert_eq!(
        open(&cookie, &keys, Binding { host: "docs.example.net", ..BINDING }, NOW),
        Err(SessionError::OtherHost)
    );
    assert_eq!(open(&cookie, &keys, Binding { selection: "other", ..BINDING }, NOW), Err(SessionError::OtherSettings));
    let elsewhere = session_of("https://id.example/").sign(&keys).unwrap();
    assert_eq!(open(&elsewhere, &keys, BINDING, NOW), Err(SessionError::OtherSettings));
}

#[test]
fn a_rotation_keeps_sessions_until_the_previous_secret_goes() {
    let cookie = session().sign(&ring(1, None)).unwrap();
    assert!(open(&cookie, &ring(2, Some(1)), BINDING, NOW).is_ok());
    assert_eq!(open(&cookie, &ring(2, None), BINDING, NOW), Err(SessionError::NotOurs));
    let renewed = session().sign(&ring(2, Some(1))).unwrap();
    assert!(open(&renewed, &ring(2, None), BINDING, NOW).is_ok());
}

#[test]
fn rfc6265bis_8_4_a_change_of_any_byte_is_refused() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys).unwrap();
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

/// A token of the current key with this header and payload, signed as RFC 7515 says.
fn forge(keys: &KeyRing, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let mac = keys.current().session_mac().chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn parts(cookie: &str) -> (String, String) {
    let mut parts = cookie
        .split('.')
        .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default());
    (parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn rfc8725_3_11_other_tokens_of_the_same_key_are_no_sessions() {
    let keys = ring(1, None);
    let (header, payload) = parts(&session().sign(&keys).unwrap());
    assert!(open(&forge(&keys, &header, &payload), &keys, BINDING, NOW).is_ok());
    let headers = [
        header.replace("portcullis-session+jwt", "JWT"),
        header.replace(",\"typ\":\"portcullis-session+jwt\"", ""),
        header.replace("HS256", "none"),
        header.replace("HS256", "HS512"),
        header.replace('}', ",\"crit\":[\"x\"]}"),
        format!(" {header}"),
        "{}".to_owned(),
    ];
    for header in headers {
        assert_eq!(open(&forge(&keys, &header, &payload), &keys, BINDING, NOW), Err(SessionError::NotOurs), "{header}");
    }
    for payload in
        ["", "{}", "null", "[]", &payload.replace("\"exp\"", "\"no\""), &payload.replace("\"iat\"", "\"no\"")]
    {
        assert_eq!(open(&forge(&keys, &header, payload), &keys, BINDING, NOW), Err(SessionError::NotOurs), "{payload}");
    }
}

#[test]
fn a_payload_is_taken_whole_or_not_at_all() {
    let keys = ring(1, None);
    let (header, _) = parts(&session().sign(&keys).unwrap());
    let opened = |payload: &str| open(&forge(&keys, &header, payload), &keys, BINDING, NOW);
    // In the order in which earlier versions wrote the members, with one that a later version may add.
    let other = r#"{"iss":"https://id.example","aud":"docs.example.com","sid":"AAECAwQFBgcICQoLDA0ODw","iat":1800000000,"exp":1800003600,"fp":"fp","who":{"sub":"ada-1","idp":"work","email":"ada@example.com","ev":true,"name":"Ada","groups":["admins"],"later":[]},"later":1}"#;
    let found = opened(other).unwrap();
    assert_eq!(found.claims(), session().claims());
    assert_eq!((found.issued(), found.expires()), (session().issued(), session().expires()));
    for (part, by) in [
        (r#""sub":"ada-1""#, r#""sub":"ada-1","sub":"ada-1""#),
        (r#""sub":"ada-1""#, r#""sub":1"#),
        (r#""sub":"ada-1","#, ""),
        (r#""ev":true"#, r#""ev":"true""#),
        (r#""groups":["admins"]"#, r#""groups":"admins""#),
        (r#""groups":["admins"]"#, r#""groups":["admins",1]"#),
        (r#""groups":["admins"]"#, r#""groups":null"#),
        (r#""exp":1800003600"#, r#""exp":1800003600.0"#),
        (r#""exp":1800003600"#, r#""exp":"1800003600""#),
        (r#""exp":1800003600"#, r#""exp":-1"#),
        (r#""exp":1800003600"#, r#""exp":1800003600,"exp":1800003600"#),
        (r#""who":{"#, r#""who":{"more":[],"#),
        (r#""who":{"#, r#""who":{"more":{"a":1},"#),
        (r#""who":{"#, r#""who":{"auth_time":"1","#),
    ] {
        let changed = other.replacen(part, by, 1);
        assert_ne!(changed, other, "{part}");
        assert_eq!(opened(&changed), Err(SessionError::NotOurs), "{by}");
    }
    assert_eq!(opened(&format!("[{other}]")), Err(SessionError::NotOurs));
    assert_eq!(opened(&format!("{other}{other}")), Err(SessionError::NotOurs));
}

#[test]
fn rfc7515_a_session_is_a_jwt_that_others_can_read() {
    use jwt_compact::{
        AlgorithmExt, UntrustedToken,
        alg::{Hs256, Hs256Key},
    };
    let secret = [7; 32];
    let cookie = session().sign(&ring(1, None)).unwrap();
    let token = UntrustedToken::new(&cookie).unwrap();
    assert_eq!((token.algorithm(), token.header().token_type.as_deref()), ("HS256", Some("portcullis-session+jwt")));
    let claims = token.deserialize_claims_unchecked::<Value>().unwrap();
    assert_eq!(claims.expiration.unwrap().timestamp(), 1_800_003_600);
    assert!(Hs256.validator::<Value>(&Hs256Key::new(secret)).validate(&token).is_err());
}

#[test]
fn a_shorter_lifetime_ends_sessions_of_the_longer_one() {
    let keys = ring(1, None);
    let cookie = session().sign(&keys).unwrap();
    let shorter = Binding { lifetime: Lifetime::from_seconds(600), ..BINDING };
    assert!(open(&cookie, &keys, shorter, Timestamp::from_seconds(NOW.seconds() + 599)).is_ok());
    assert_eq!(open(&cookie, &keys, shorter, Timestamp::from_seconds(NOW.seconds() + 600)), Err(SessionError::Expired));
}

#[test]
fn what_does_not_fit_a_cookie_is_refused_and_not_cut() {
    let groups: Vec<String> = (0..120).map(|number| format!("a-group-with-a-long-name-{number:03}")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let claims = claims(&Selection::new(groups.iter().copied()), &groups, None);
    let session = Session::begin(claims, ISSUER, BINDING, NOW, &Counting::default());
    assert_eq!(session.sign(&ring(1, None)), Err(TooLong));
}

#[test]
fn a_cookie_of_the_greatest_length_is_a_session_and_one_letter_more_is_none() {
    let keys = ring(1, None);
    let of_length = |length: usize| {
        let group = "g".repeat(length);
        let claims = claims(&Selection::new([group.as_str()]), &[&group], None);
        Session::begin(claims, ISSUER, BINDING, NOW, &Counting::default())
    };
    let fitting = (2_000..).map_while(|length| Some((length, of_length(length).sign(&keys).ok()?)));
    let (length, cookie) = fitting.last().unwrap();
    assert_eq!((cookie.len(), of_length(length + 1).sign(&keys)), (COOKIE_BYTES, Err(TooLong)));
    assert_eq!(open(&cookie, &keys, BINDING, NOW), Ok(of_length(length)));
    let payload = json::write(&of_length(length + 1).0.written().into());
    let longer = token::sign(keys.current(), payload.as_bytes());
    assert_eq!(open(&longer, &keys, BINDING, NOW), Err(SessionError::NotOurs));
}
