//! The login that an answer belongs to: by everything that its cookie holds, and not by the cookie's name alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    config::Secrets,
    edge::{Edge, Entropy},
    gate::Outcome,
    keyring::KeyRing,
    session::{CookieNames, LoginCookie, LoginId, PendingLogin},
};

use crate::support::{
    browser::Browser,
    world::{Head, SECRET, World, two_providers},
};

/// Bytes that begin as a login's id does, and go on in another way.
struct Alike(Vec<u8>);

impl Entropy for Alike {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
        bytes[..self.0.len()].copy_from_slice(&self.0);
    }
}

#[test]
fn rfc9700_4_4_2_a_pending_login_is_the_states_by_its_whole_id_its_provider_and_its_issuer() {
    let keys =
        KeyRing::derive(&Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| SECRET.to_owned())).unwrap())
            .unwrap();
    let names = CookieNames::new(false);
    let rows: [(&str, fn(&mut PendingLogin)); 4] = [
        ("the same", |_| {}),
        ("another id, whose cookie has the same name", |login| {
            let short = login.id.short().to_owned();
            login.id = LoginId::new(&Alike(URL_SAFE_NO_PAD.decode(&short).unwrap()));
            assert_eq!(login.id.short(), short);
        }),
        ("another provider", |login| login.provider = "other".to_owned()),
        ("another issuer", |login| login.issuer = "https://other.example".to_owned()),
    ];
    for (what, change) in rows {
        let world = World::new();
        world.add_provider("https://other.example");
        let (isolate, ada) = (world.isolate(&two_providers()), Browser::new("ada"));
        let start = ada.start(&isolate, "/.auth/login?provider=work&return_to=/page");
        let name = ada.cookie_names().into_iter().find(|name| name.contains("login")).unwrap();
        let short = name.rsplit_once("login-").unwrap().1;
        let value = ada.cookie(&name).unwrap();
        let opened = LoginCookie::open(short, &value, &keys, names, "docs.example.com", world.now());
        let Ok(LoginCookie::Pending(mut login)) = opened else { panic!("pending") };
        let id = login.id.clone();
        change(&mut login);
        assert_eq!(login.id == id, !what.contains(" id"));
        let line = login.keep(&keys, names, "docs.example.com", &world).unwrap();
        let (kept, value) = line.split_once(';').unwrap().0.split_once('=').unwrap();
        assert_eq!(kept, name);
        ada.set_cookie(kept, value);
        let back = ada.answer_of_provider(&isolate, &start);
        world.take_calls();
        let Outcome::Answer(answer) = ada.send(&isolate, Head::navigation(&back)) else { panic!("an answer") };
        let is_the_same = what == "the same";
        assert_eq!(answer.status, if is_the_same { 303 } else { 302 }, "{what}");
        assert_eq!(ada.cookie("__Host-portcullis").is_some(), is_the_same, "{what}");
        let redeemed = world.take_calls().iter().any(|call| call.ends_with("/token"));
        assert_eq!(redeemed, is_the_same, "{what}");
    }
}
