//! [`Provider`]: an OpenID provider by script.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    edge::{Call, Reply, Unreachable},
    oidc::Algorithm,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::signature::Signer;

/// What goes wrong at an endpoint.
#[derive(Clone, Debug)]
pub enum Fault {
    Down,
    Slow,
    Status(u16),
    /// The honest body, with another status than 200.
    As(u16),
    Body(String),
}

/// How the provider answers an authorization request, in place of a code.
#[derive(Clone, Debug)]
pub enum Authorization {
    Code,
    Error(&'static str),
}

type Edit = Box<dyn Fn(&mut Value)>;

pub struct Provider {
    pub issuer: String,
    /// The signing key; the published ones beside it.
    pub signer: Signer,
    pub published: Vec<Value>,
    /// Faults by the last segment of the endpoint: `openid-configuration`, `jwks`, `token`, `userinfo`.
    pub faults: HashMap<&'static str, Fault>,
    pub authorization: Authorization,
    /// Appended to the response's query, after taking `iss` away when there is something.
    pub response_edit: Option<Box<dyn Fn(&mut Vec<(String, String)>)>>,
    pub edit_claims: Option<Edit>,
    pub edit_metadata: Option<Edit>,
    /// Makes the whole ID token from the claims.
    pub forge: Option<Box<dyn Fn(&Value) -> String>>,
    pub userinfo: Value,
    /// Whether it does what `max_age`, `acr_values` and `prompt` ask for.
    pub steps_up: bool,
    /// Whether it does what `max_age` asks for.
    pub heeds_max_age: bool,
    /// Whether it compares a code's verifier with its challenge (RFC 7636, 4.6).
    pub checks_challenge: bool,
    codes: HashMap<String, Grant>,
}

struct Grant {
    person: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
    acr: String,
    /// Seconds since the person authenticated.
    age: u64,
}

impl Provider {
    pub fn new(issuer: &str) -> Self {
        let signer = Signer::new(Algorithm::EdDsa, Some("key-1"));
        Self {
            issuer: issuer.to_owned(),
            published: vec![signer.jwk()],
            signer,
            faults: HashMap::new(),
            authorization: Authorization::Code,
            response_edit: None,
            edit_claims: None,
            edit_metadata: None,
            forge: None,
            userinfo: json!({ "sub": "ada" }),
            steps_up: true,
            heeds_max_age: true,
            checks_challenge: true,
            codes: HashMap::new(),
        }
    }

    /// A new key: signs from now on, published or not.
    pub fn rotate(&mut self, kid: &str, published: bool) {
        self.signer = Signer::other(Algorithm::EdDsa, Some(kid));
        if published {
            self.published = vec![self.signer.jwk()];
        }
    }

    /// Signs `person` in and says where the browser goes.
    pub fn authorize(&mut self, url: &str, person: &str, random: u64) -> String {
        let url = Url::parse(url).unwrap();
        assert_eq!(url.fragment(), Some(""), "an explicit empty fragment");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let mut response = vec![("state".to_owned(), query["state"].clone()), ("iss".to_owned(), self.issuer.clone())];
        match self.authorization {
            Authorization::Code => {
                let code = format!("code-{random:x}");
                let anew = query.contains_key("prompt") || self.heeds_max_age && query.contains_key("max_age");
                let class = query.get("acr_values").and_then(|values| values.split(' ').next());
                let grant = Grant {
                    acr: class.filter(|_| self.steps_up).unwrap_or("urn:pwd").to_owned(),
                    age: if anew && self.steps_up { 1 } else { 5_000 },
                    person: person.to_owned(),
                    nonce: query["nonce"].clone(),
                    challenge: query["code_challenge"].clone(),
                    redirect_uri: query["redirect_uri"].clone(),
                };
                self.codes.insert(code.clone(), grant);
                response.push(("code".to_owned(), code));
            }
            Authorization::Error(error) => response.push(("error".to_owned(), error.to_owned())),
        }
        if let Some(edit) = &self.response_edit {
            edit(&mut response);
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(response).finish();
        format!("{}?{query}", query_free(&query_value(&url, "redirect_uri")))
    }

    /// Answers a call of the gate.
    pub fn answer(&mut self, call: &Call, now: u64) -> Result<Reply, Unreachable> {
        let endpoint = call.url.rsplit('/').next().unwrap().to_owned();
        match self.faults.get(endpoint.as_str()) {
            Some(Fault::Down) => return Err(Unreachable::Network),
            Some(Fault::Slow) => return Err(Unreachable::Deadline),
            Some(Fault::Status(status)) => return Ok(Reply { status: *status, body: String::new() }),
            Some(Fault::Body(body)) => return Ok(Reply { status: 200, body: body.clone() }),
            Some(Fault::As(_)) | None => {}
        }
        let body = match endpoint.as_str() {
            "openid-configuration" => self.metadata(),
            "jwks" => json!({ "keys": self.published }),
            "token" => match self.token(call, now) {
                Ok(body) => body,
                Err(error) => return Ok(Reply { status: 400, body: json!({ "error": error }).to_string() }),
            },
            "userinfo" => self.userinfo.clone(),
            _ => return Ok(Reply { status: 404, body: String::new() }),
        };
        let status = if let Some(Fault::As(status)) = self.faults.get(endpoint.as_str()) { *status } else { 200 };
        Ok(Reply { status, body: body.to_string() })
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "authorization_response_iss_parameter_supported": true,
        });
        if let Some(edit) = &self.edit_metadata {
            edit(&mut metadata);
        }
        metadata
    }

    fn token(&mut self, call: &Call, now: u64) -> Result<Value, &'static str> {
        let form = call.form.as_ref().ok_or("invalid_request")?;
        let form: HashMap<String, String> = form_urlencoded::parse(form.expose().as_bytes()).into_owned().collect();
        let grant = self.codes.remove(form.get("code").ok_or("invalid_request")?).ok_or("invalid_grant")?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        if self.checks_challenge && challenge != grant.challenge || form["redirect_uri"] != grant.redirect_uri {
            return Err("invalid_grant");
        }
        let mut claims = json!({
            "iss": self.issuer, "aud": "client", "sub": grant.person, "nonce": grant.nonce,
            "iat": now, "exp": now + 600,
            "name": grant.person, "email": format!("{}@example.com", grant.person), "email_verified": true,
            "acr": grant.acr, "auth_time": now - grant.age,
            "groups": if grant.person == "ada" { json!(["staff", "admins"]) } else { json!(["staff"]) },
        });
        if let Some(edit) = &self.edit_claims {
            edit(&mut claims);
        }
        let id_token = self.forge.as_ref().map_or_else(|| self.signer.token(&claims), |forge| forge(&claims));
        Ok(json!({ "token_type": "Bearer", "access_token": "access-token", "id_token": id_token }))
    }
}

fn query_value(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

fn query_free(url: &str) -> &str {
    url.split('?').next().unwrap()
}
