//! [`Machine`]: a program that shows tokens, and [`Verdict`]: what the gate said to it.

use std::fmt;

use portcullis::{
    edge::Edge,
    gate::{Answer, Forward, Outcome},
    oidc::{AccessTokenError, Algorithm},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    signature::Signer,
    world::{Head, Isolate, World, settings},
};

/// What the issuer puts into `aud` for the site.
pub const AUDIENCE: &str = "https://docs.example.com";
/// A service token; the settings know its hash.
pub const CI: &str = "ci.9OzB2yxC0a7GrTfWqZk1vLhJmUeXoPn4Ii8d3Rb5Ks-";
pub const OLD: &str = "old.9OzB2yxC0a7GrTfWqZk1vLhJmUeXoPn4Ii8d3Rb5Ks-";

/// What became of a request that shows a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At the origin, as this subject.
    Accepted(String),
    /// The status, and code and detail of the log.
    Refused(u16, String, String),
}

/// A program, and the issuer of its tokens: the provider that people sign in with as well.
pub struct Machine {
    pub world: World,
    pub isolate: Isolate,
}

/// `/api/**` takes access tokens, `/both/**` service tokens too, `/jobs/**` service tokens alone;
/// `/deploy/**` is for deployers, people or not; elsewhere no rule names a token.
pub fn machine_settings() -> Value {
    let mut settings = settings();
    let hash = |token: &str| {
        let digest = Sha256::digest(token);
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    settings["tokens"] = json!([
        { "id": "api", "issuer": "https://id.example", "audiences": [AUDIENCE, "docs"], "algorithms": ["EdDSA"] },
        { "id": "ci", "hash": hash(CI), "expires": "2027-06-30", "name": "Build", "groups": ["deployers"] },
        { "id": "old", "hash": hash(OLD), "expires": "2027-01-01" },
    ]);
    settings["rules"] = json!([
        { "path": "/open/**", "sso": false },
        { "path": "/admin/**", "allow": [{ "group": "admins" }] },
        { "path": "/api/**", "tokens": ["api"] },
        { "path": "/seen/**", "tokens": ["api", "ci"], "forward_token": true },
        { "path": "/both/**", "tokens": ["api", "ci", "old"] },
        { "path": "/jobs/**", "tokens": ["ci"] },
        { "path": "/deploy/**", "tokens": ["api", "ci"], "allow": [{ "group": "deployers" }] },
    ]);
    settings
}

impl Machine {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub fn with(change: impl FnOnce(&mut Value)) -> Self {
        let (world, mut settings) = (World::new(), machine_settings());
        change(&mut settings);
        Self { isolate: world.isolate(&settings), world }
    }

    /// With other settings of the token issuer.
    pub fn issuer(name: &str, value: Value) -> Self {
        Self::with(|settings| settings["tokens"][0][name] = value)
    }

    /// The claims of a good access token.
    pub fn claims(&self) -> Value {
        let now = self.world.now().seconds();
        json!({
            "iss": "https://id.example", "aud": AUDIENCE, "sub": "robot", "client_id": "robots",
            "iat": now, "exp": now + 600, "jti": "1",
        })
    }

    pub fn signer(&self) -> Signer {
        self.world.provider(|provider| provider.signer.clone())
    }

    /// A token of these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.signer().sign(&json!({ "alg": "EdDSA", "kid": "key-1", "typ": "at+jwt" }), &claims.to_string())
    }

    /// A good token.
    pub fn good(&self) -> String {
        self.token(&self.claims())
    }

    /// Shows an access token.
    pub fn show(&self, token: &str) -> Verdict {
        self.verdict(&Head::new("GET", "/api/x").with("authorization", &format!("Bearer {token}")))
    }

    /// Shows a token whose claims were changed.
    pub fn edited(&self, edit: impl FnOnce(&mut Value)) -> Verdict {
        let mut claims = self.claims();
        edit(&mut claims);
        self.show(&self.token(&claims))
    }

    /// Shows a token with one claim replaced; `None` takes it away.
    pub fn claim(&self, name: &str, value: Option<Value>) -> Verdict {
        self.edited(|claims| {
            let members = claims.as_object_mut().expect("an object");
            match value {
                Some(value) => members.insert(name.to_owned(), value),
                None => members.remove(name),
            };
        })
    }

    /// Sends a request, and makes sure that an answer is one that a machine can use.
    pub fn verdict(&self, head: &Head) -> Verdict {
        let before = self.world.log().lines().count();
        match self.isolate.send(head) {
            Outcome::Forward(forward) => Verdict::Accepted(identity(&forward, "x-auth-subject").unwrap_or_default()),
            Outcome::Answer(answer) => {
                let log = self.world.log();
                let last = log.lines().skip(before).last().unwrap_or("{}");
                let last: Value = serde_json::from_str(last).expect("a line of JSON");
                let member = |name: &str| last.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let denied = ["provider", "subject", "rule", "by"].map(member).join(" ");
                let said = if last.get("by").is_some() { denied } else { member("detail") };
                Verdict::Refused(is_for_machines(&answer, &member("code")), member("code"), said)
            }
        }
    }

    /// Signs with another algorithm, which the settings pin.
    pub fn signing_with(algorithm: Algorithm) -> Self {
        let machine = Self::issuer("algorithms", json!([algorithm.as_str()]));
        machine.world.provider(|provider| {
            provider.signer = Signer::new(algorithm, Some("key-1"));
            provider.published = vec![provider.signer.jwk()];
        });
        machine
    }
}

/// Never a redirect, never a page, never a cookie; the status.
pub fn is_for_machines(answer: &Answer, code: &str) -> u16 {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert!(answer.header("location").is_none() && answer.header("set-cookie").is_none(), "{answer:?}");
    let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(answer.status)));
    assert!(problem.get("login_url").is_none(), "{problem}");
    let challenge = answer.header("www-authenticate");
    let error = |error: &str| {
        let expected = format!("Bearer realm=\"docs.example.com\", error=\"{error}\"");
        assert_eq!(challenge.map(|text| text.replace("Portcullis-Token", "Bearer")), Some(expected));
    };
    match answer.status {
        400 => error("invalid_request"),
        401 if code == "token_step_up" => {
            let challenge = challenge.expect("a challenge");
            assert!(
                challenge.starts_with("Bearer realm=\"docs.example.com\", error=\"insufficient_user_authentication\"")
            );
        }
        401 => error("invalid_token"),
        403 => error("insufficient_scope"),
        _ => assert_eq!((challenge, answer.header("retry-after")), (None, Some("30"))),
    }
    answer.status
}

pub fn identity(forward: &Forward, name: &str) -> Option<String> {
    forward.identity().iter().find(|(header, _)| *header == name).map(|(_, value)| value.clone())
}

impl Verdict {
    pub fn accepted() -> Self {
        Self::Accepted("robot".to_owned())
    }

    /// Refused by this step of the access token's checks.
    pub fn step(error: AccessTokenError) -> Self {
        Self::invalid(&error.to_string())
    }

    pub fn invalid(detail: &str) -> Self {
        Self::Refused(401, "token_invalid".to_owned(), detail.to_owned())
    }

    pub fn no_key() -> Self {
        Self::invalid("no key of the issuer verifies it")
    }

    pub fn malformed() -> Self {
        Self::Refused(400, "token_malformed".to_owned(), String::new())
    }

    pub fn keys_down(detail: &str) -> Self {
        Self::Refused(503, "token_keys_unavailable".to_owned(), detail.to_owned())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(subject) => write!(formatter, "accepted as {subject}"),
            Self::Refused(status, code, detail) => write!(formatter, "{status} {code}: {detail}"),
        }
    }
}
