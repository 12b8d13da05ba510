//! The signed assertion for the origin: what it says, when it is signed, and by which key.

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_compact::{AlgorithmExt, UntrustedToken, alg::Es256, jwk::JsonWebKey};
use portcullis::{
    edge::Edge,
    gate::{Decision, Outcome},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{
    browser::{Arrival, Browser},
    machine::{CI, Machine},
    world::{HOST, Head, Isolate, OTHER_SECRET, SECRET, World, settings},
};

type Key = <Es256 as jwt_compact::Algorithm>::VerifyingKey;

fn asserting() -> Value {
    let mut settings = settings();
    settings["assertion"] = json!(true);
    settings
}

/// What arrives at the origin when the browser opens `path`.
fn arrive(browser: &Browser, isolate: &Isolate, path: &str) -> Arrival {
    let arrival = browser.open(isolate, path);
    arrival.at_origin();
    arrival
}

fn token(arrival: &Arrival) -> String {
    arrival.identity("x-auth-assertion").expect("an assertion")
}

/// The published keys, by an isolate that starts now.
fn keys(isolate: &Isolate) -> Vec<Value> {
    let Outcome::Answer(answer) = isolate.send(&Head::new("GET", "/.auth/jwks.json")) else { panic!("forwarded") };
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let set: Value = serde_json::from_str(&answer.body).unwrap();
    set["keys"].as_array().unwrap().clone()
}

/// The header and the payload of a token that one of `keys` signed.
fn open(token: &str, keys: &[Value]) -> (Value, Value) {
    let part = |rank: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(rank).unwrap()).unwrap()).unwrap()
    };
    let header = part(0);
    let jwk = keys.iter().find(|key| key["kid"] == header["kid"]).expect("a published key");
    let bare = json!({ "kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"] });
    let jwk: JsonWebKey<'_> = serde_json::from_value(bare).unwrap();
    let key = Key::try_from(&jwk).unwrap();
    let untrusted = UntrustedToken::new(token).unwrap();
    Es256.validator::<Value>(&key).validate(&untrusted).expect("a signature");
    (header, part(1))
}

#[test]
fn it_says_who_is_there_and_nothing_else() {
    let world = World::new();
    let isolate = world.isolate(&asserting());
    let arrival = arrive(&Browser::new("ada"), &isolate, "/admin/x");
    let (header, payload) = open(&token(&arrival), &keys(&isolate));
    assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("ES256"), Some("portcullis-assertion+jwt")));
    assert_eq!(header.as_object().unwrap().len(), 3);
    let now = world.now().seconds();
    let id = payload["jti"].as_str().unwrap().to_owned();
    assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), 16);
    let expected = json!({
        "iss": HOST, "aud": "docs.example.com", "sub": "ada", "email": "ada@example.com", "groups": ["admins"],
        "idp": "work", "iat": now, "exp": now + 300, "jti": id,
    });
    assert_eq!(payload, expected);
    // The other headers are there all the same.
    assert_eq!(arrival.identity("x-auth-subject").as_deref(), Some("ada"));
}

#[test]
fn an_unverified_address_is_not_in_it() {
    let world = World::new();
    world.provider(|provider| provider.edit_claims = Some(Box::new(|claims| claims["email_verified"] = json!(false))));
    let isolate = world.isolate(&asserting());
    let (_, payload) = open(&token(&arrive(&Browser::new("ada"), &isolate, "/x")), &keys(&isolate));
    assert_eq!((payload.get("email"), payload["sub"].as_str()), (None, Some("ada")));
}

#[test]
fn it_is_signed_once_and_then_goes_along_without_waiting() {
    let world = World::new();
    let isolate = world.isolate(&asserting());
    let browser = Browser::new("ada");
    let first = token(&arrive(&browser, &isolate, "/x"));
    let cookie = format!("__Host-portcullis={}", browser.cookie("__Host-portcullis").unwrap());
    let head = Head::new("GET", "/y").with("cookie", &cookie);
    for seconds in [0, 1, 100, 139] {
        world.pass(seconds);
        let Decision::Forward(forward) = isolate.gate.decide(&head, world.now()) else { panic!("{seconds}") };
        assert!(forward.identity().iter().any(|(name, value)| *name == "x-auth-assertion" && *value == first));
    }
    assert_eq!(world.signatures(), 1);
    // 240 seconds: a minute is left, and it is still the same one. A second later it is not.
    world.pass(1);
    assert!(matches!(isolate.gate.decide(&head, world.now()), Decision::Sign(..)));
    let Outcome::Forward(forward) = isolate.send(&head) else { panic!("an answer") };
    let second = forward.identity().iter().find(|(name, _)| *name == "x-auth-assertion").unwrap().1.clone();
    assert!(second != first && world.signatures() == 2);
    let id = |token: &str| open(token, &keys(&isolate)).1["jti"].clone();
    assert_ne!(id(&first), id(&second));
    assert!(matches!(isolate.gate.decide(&head, world.now()), Decision::Forward(_)));
    // Another isolate knows nothing of it, and another person gets another one.
    let other = world.isolate(&asserting());
    assert!(matches!(other.gate.decide(&head, world.now()), Decision::Sign(..)));
    let bobs = token(&arrive(&Browser::new("bob"), &isolate, "/x"));
    assert_eq!(open(&bobs, &keys(&isolate)).1["sub"], "bob");
}

#[test]
fn requests_that_come_together_each_get_one() {
    let world = World::new();
    let isolate = world.isolate(&asserting());
    let browser = Browser::new("ada");
    arrive(&browser, &world.isolate(&asserting()), "/x");
    let cookie = format!("__Host-portcullis={}", browser.cookie("__Host-portcullis").unwrap());
    let heads: Vec<Head> = (0..5).map(|rank| Head::new("GET", &format!("/{rank}")).with("cookie", &cookie)).collect();
    for outcome in isolate.send_together(&heads) {
        let Outcome::Forward(forward) = outcome else { panic!("an answer") };
        let (_, value) = forward.identity().into_iter().find(|(name, _)| *name == "x-auth-assertion").unwrap();
        assert_eq!(open(&value, &keys(&isolate)).1["sub"], "ada");
    }
}

#[test]
fn who_is_not_admitted_gets_none_and_nobody_is_asserted_on_a_public_path() {
    let world = World::new();
    let isolate = world.isolate(&asserting());
    let bob = Browser::new("bob");
    arrive(&bob, &isolate, "/x");
    let signed = world.signatures();
    assert!(matches!(bob.open(&isolate, "/admin/x"), Arrival::Page(_, answer) if answer.status == 403));
    let public = arrive(&bob, &isolate, "/open/x");
    assert_eq!(
        (public.identity("x-auth-assertion").as_deref(), public.identity("x-auth-subject").as_deref()),
        (None, None)
    );
    assert_eq!(world.signatures(), signed);
    // Without a signature nothing goes on.
    world.take_events();
    world.stop_signing();
    world.pass(600);
    let head = Head::navigation(&format!("{HOST}/x"));
    let Outcome::Answer(answer) = bob.send(&isolate, head) else { panic!("forwarded") };
    assert_eq!(
        (answer.status, world.take_events().last().map(String::as_str)),
        (500, Some("refused assertion_unsigned"))
    );
}

#[test]
fn off_there_is_neither_an_assertion_nor_a_key() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    assert_eq!(arrive(&Browser::new("ada"), &isolate, "/x").identity("x-auth-assertion").as_deref(), None);
    for method in ["GET", "HEAD", "POST"] {
        let Outcome::Answer(answer) = isolate.send(&Head::new(method, "/.auth/jwks.json")) else { panic!("forwarded") };
        assert_eq!(answer.status, 404);
    }
    assert_eq!(world.signatures(), 0);
}

#[test]
fn a_rotation_signs_with_the_new_key_and_publishes_both() {
    let world = World::new();
    let isolate = |secret, previous| world.try_isolate(&asserting(), secret, previous).unwrap();
    let (old, rotated, after) =
        (isolate(SECRET, None), isolate(OTHER_SECRET, Some(SECRET)), isolate(OTHER_SECRET, None));
    let browser = Browser::new("ada");
    let before = token(&arrive(&browser, &old, "/x"));
    let [old_keys, both, new_keys] = [&old, &rotated, &after].map(keys);
    assert_eq!((old_keys.len(), new_keys.len()), (1, 1));
    assert_eq!(both, [new_keys.clone(), old_keys].concat());
    open(&before, &both);
    // The session goes on, under the new key.
    let signed = token(&arrive(&browser, &rotated, "/x"));
    open(&signed, &new_keys);
    for key in &both {
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
        assert_eq!(key["kid"], URL_SAFE_NO_PAD.encode(Sha256::digest(text)), "RFC 7638, 3");
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"], "nothing private");
    }
}

#[test]
fn it_stands_in_the_header_that_the_settings_name() {
    let world = World::new();
    let mut settings = asserting();
    settings["headers"] = json!({ "preset": "remote", "assertion": "X-Gate-Jwt" });
    let isolate = world.isolate(&settings);
    let arrival = arrive(&Browser::new("ada"), &isolate, "/x");
    assert_eq!(arrival.identity("x-auth-assertion").as_deref(), None);
    open(&arrival.identity("x-gate-jwt").unwrap(), &keys(&isolate));
    assert!(isolate.gate.config().headers.managed().split(',').any(|name| name == "x-gate-jwt"));
}

#[test]
fn where_sign_in_is_optional_it_goes_along_with_who_is_signed_in() {
    let world = World::new();
    let mut settings = asserting();
    settings["rules"] = json!([{ "path": "/open/**", "sso": "optional" }]);
    let isolate = world.isolate(&settings);
    let browser = Browser::new("ada");
    assert_eq!(arrive(&browser, &isolate, "/open/x").identity("x-auth-assertion").as_deref(), None);
    arrive(&browser, &isolate, "/x");
    open(&token(&arrive(&browser, &isolate, "/open/x")), &keys(&isolate));
    assert_eq!(world.signatures(), 1);
}

#[test]
fn it_says_which_machine_is_there_and_is_kept_for_it() {
    let machine = Machine::with(|settings| settings["assertion"] = json!(true));
    let bearer = Head::new("GET", "/api/x").with("authorization", &format!("Bearer {}", machine.good()));
    let service = Head::new("GET", "/jobs/x").with("portcullis-token", CI);
    for (head, subject, provider) in [(bearer, "robot", "api"), (service, "ci", "ci")] {
        let before = machine.world.signatures();
        // The first time an access token is checked and an assertion signed, both in one walk.
        let Outcome::Forward(forward) = machine.isolate.send(&head) else { panic!("{subject}: an answer") };
        let first = forward.identity().iter().find(|(name, _)| *name == "x-auth-assertion").unwrap().1.clone();
        let (_, payload) = open(&first, &keys(&machine.isolate));
        assert_eq!((payload["sub"].as_str(), payload["idp"].as_str()), (Some(subject), Some(provider)));
        let Decision::Forward(forward) = machine.isolate.gate.decide(&head, machine.world.now()) else {
            panic!("{subject} waits")
        };
        assert!(forward.identity().iter().any(|(_, value)| *value == first));
        assert_eq!(machine.world.signatures(), before + 1);
    }
}
