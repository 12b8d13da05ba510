//! [`KeySet`]: a provider's public keys (RFC 7517).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::Algorithm;
use crate::json::{self, JsonError, Table};

/// How many keys of one set are kept. Providers publish two to six; a set of thousands is an attack on whoever tries
/// them.
const MOST_KEYS: usize = 64;
/// How many keys are tried on one signature: for a token without `kid`, or a `kid` used twice.
const MOST_CANDIDATES: usize = 8;
/// The shortest RSA modulus, in bytes (RFC 7518, 3.3; RFC 8725, 3.5).
const RSA_SHORTEST: usize = 256;
/// The longest; larger ones only cost time.
const RSA_LONGEST: usize = 1_024;
/// The longest RSA exponent, in bytes; 3 and 65537 are in use.
const EXPONENT_LONGEST: usize = 4;

/// The keys that can verify something. Everything else in the document is skipped.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// One public key for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

/// The numbers of a key, base64url as in its JWK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// An RSA key of 2048 bits or more.
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
    /// A point on P-256.
    P256 {
        /// Its first coordinate.
        x: String,
        /// Its second coordinate.
        y: String,
    },
    /// An Ed25519 key.
    Ed25519 {
        /// The key.
        x: String,
    },
}

/// The document is not a key set at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key set")]
pub struct KeySetError;

/// The members of RFC 7517, 4 and RFC 7518, 6 that matter.
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private half.
    secret: Option<Value>,
}

impl Jwk {
    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::of(value)?;
        Ok(Self {
            kty: table.required("kty", json::text)?,
            kid: table.optional("kid", json::text)?,
            alg: table.optional("alg", json::text)?,
            usage: table.optional("use", json::text)?,
            key_ops: table.optional("key_ops", json::texts)?,
            crv: table.optional("crv", json::text)?,
            n: table.optional("n", json::text)?,
            e: table.optional("e", json::text)?,
            x: table.optional("x", json::text)?,
            y: table.optional("y", json::text)?,
            secret: table.optional("d", Ok)?,
        })
    }
}

impl KeySet {
    /// Parses a key set. Keys of unknown type, for encryption, broken or weak are skipped. So is one that comes with
    /// its private half: others have that as well.
    ///
    /// # Errors
    /// [`KeySetError`] when the document is not an object with a list `keys`.
    pub fn parse(text: &str) -> Result<Self, KeySetError> {
        let listed = json::read_sparing(text).and_then(|document| Table::of(document)?.required("keys", json::list));
        let keys = listed.map_err(|_| KeySetError)?;
        // What is not an object is skipped without an error, which would say what it found.
        let keys =
            keys.into_iter().filter(Value::is_object).filter_map(|key| PublicKey::from_jwk(Jwk::read(key).ok()?));
        Ok(Self { keys: keys.take(MOST_KEYS).collect() })
    }

    /// The keys that may verify a token with this `kid` (Core 10.1): those of that id, or all when the token names
    /// none. Each is for one algorithm only (RFC 8725, 3.1): the key's own, else the first of the pinned ones that
    /// its type can do.
    pub fn candidates(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
        pinned: &[Algorithm],
    ) -> impl Iterator<Item = &PublicKey> {
        self.keys
            .iter()
            .filter(move |key| key_id.is_none() || key.id.as_deref() == key_id)
            .filter(move |key| key.only_algorithm(pinned) == Some(algorithm))
            .take(MOST_CANDIDATES)
    }

    /// Whether there is a key to check a token with this `kid` against, whatever the result. Without a `kid` there
    /// always is.
    pub fn knows(&self, key_id: Option<&str>) -> bool {
        key_id.is_none() || self.keys.iter().any(|key| key.id.as_deref() == key_id)
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl PublicKey {
    fn from_jwk(jwk: Jwk) -> Option<Self> {
        let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        if !for_signatures || jwk.secret.is_some() {
            return None;
        }
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => rsa(jwk.n?, jwk.e?)?,
            ("EC", Some("P-256")) => Material::P256 { x: number(jwk.x?, 32)?, y: number(jwk.y?, 32)? },
            ("OKP", Some("Ed25519")) => Material::Ed25519 { x: number(jwk.x?, 32)? },
            _ => return None,
        };
        let algorithm = match jwk.alg {
            // If the key names an algorithm that is unknown, or not of its type, we do not guess another.
            Some(name) => Some(Algorithm::named(&name).filter(|algorithm| material.can(*algorithm))?),
            None => None,
        };
        Some(Self { id: jwk.kid, algorithm, material })
    }

    /// The key itself.
    pub fn material(&self) -> &Material {
        &self.material
    }

    fn only_algorithm(&self, pinned: &[Algorithm]) -> Option<Algorithm> {
        self.algorithm.or_else(|| pinned.iter().copied().find(|algorithm| self.material.can(*algorithm)))
    }
}

impl Material {
    /// Whether a key of this type can do `algorithm`.
    pub fn can(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Es256 => matches!(self, Self::P256 { .. }),
            Algorithm::EdDsa => matches!(self, Self::Ed25519 { .. }),
            _ => matches!(self, Self::Rsa { .. }),
        }
    }
}

fn rsa(n: String, e: String) -> Option<Material> {
    // Leading zeros would make a short number look long, and disguise an exponent of 1.
    let significant = |text: &str| Some(decode(text)?.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>());
    let (modulus, exponent) = (significant(&n)?, significant(&e)?);
    let length_is_right = (RSA_SHORTEST..=RSA_LONGEST).contains(&modulus.len())
        && modulus.first().is_some_and(|first| *first >= 0x80 || modulus.len() > RSA_SHORTEST);
    // An even exponent is invalid, and with 1 every message is its own signature.
    let exponent_is_right =
        exponent.len() <= EXPONENT_LONGEST && exponent.last().is_some_and(|byte| byte % 2 == 1) && exponent != [1];
    (length_is_right && exponent_is_right).then_some(Material::Rsa { n, e })
}

fn number(text: String, length: usize) -> Option<String> {
    (decode(&text)?.len() == length).then_some(text)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modulus(bytes: usize, first: u8) -> String {
        let mut modulus = vec![0xab; bytes];
        modulus[0] = first;
        URL_SAFE_NO_PAD.encode(modulus)
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(&json!({ "keys": keys }).to_string()).unwrap()
    }

    fn rsa_key() -> Value {
        json!({ "kty": "RSA", "kid": "a", "n": modulus(256, 0x80), "e": "AQAB" })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut key = rsa_key();
        key[member] = value;
        key
    }

    #[test]
    fn rfc7517_5_keys_that_cannot_be_used_are_skipped_and_never_fatal() {
        let coordinate = URL_SAFE_NO_PAD.encode([1; 32]);
        let skipped = [
            json!(null),
            json!("key"),
            json!({}),
            json!({ "kty": "oct", "k": "AAAA" }),
            json!({ "kty": "EC", "crv": "secp256k1", "x": coordinate, "y": coordinate }),
            json!({ "kty": "EC", "crv": "P-256", "x": coordinate }),
            json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": "AAAA" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": coordinate }),
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("RSA-OAEP")),
            with("alg", json!("ES256")),
            with("alg", json!("none")),
            with("d", json!("AAAA")),
            with("n", json!(modulus(128, 0x80))),
            with("n", json!(modulus(256, 0x7f))),
            with("n", json!(modulus(2_048, 0x80))),
            with("n", json!(URL_SAFE_NO_PAD.encode([vec![0; 200], vec![0xab; 128]].concat()))),
            with("n", json!("%%%")),
            with("e", json!("AQ")),
            with("e", json!("AAE")),
            with("e", json!("AAAAAQ")),
            with("e", json!("Ag")),
            with("e", json!("AQAC")),
            with("e", json!("AQAAAAE")),
            with("e", json!("")),
        ];
        for key in skipped {
            let keys = set(&[key.clone(), rsa_key()]);
            assert_eq!(keys.len(), 1, "{key}");
        }
        for twice in [r#"{"kty":"RSA","kty":"RSA"}"#, r#"{"kty":"RSA","x":{"y":1,"y":1}}"#] {
            let keys = KeySet::parse(&format!(r#"{{"keys":[{twice},{}]}}"#, rsa_key())).unwrap();
            assert_eq!(keys.len(), 1, "{twice}");
        }
    }

    #[test]
    fn rfc8725_3_1_a_key_does_one_algorithm() {
        let pinned = [Algorithm::Ps256, Algorithm::Rs256];
        let count = |keys: &KeySet, algorithm| keys.candidates(algorithm, None, &pinned).count();
        let unnamed = set(&[rsa_key()]);
        assert_eq!((count(&unnamed, Algorithm::Ps256), count(&unnamed, Algorithm::Rs256)), (1, 0));
        let named = set(&[with("alg", json!("RS256"))]);
        assert_eq!((count(&named, Algorithm::Ps256), count(&named, Algorithm::Rs256)), (0, 1));
        assert_eq!(count(&named, Algorithm::Es256), 0);
        // The first that its type can do, whatever comes before it.
        let [coordinate, other] = [1, 2].map(|byte| URL_SAFE_NO_PAD.encode([byte; 32]));
        let point = json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": other });
        let edwards = json!({ "kty": "OKP", "crv": "Ed25519", "x": coordinate });
        let [mut older, mut newer] = [edwards.clone(), edwards.clone()];
        (older["alg"], newer["alg"]) = ("EdDSA".into(), "Ed25519".into());
        let [rsa, p256, ed25519] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
        for (key, own) in [(rsa_key(), rsa), (point, p256), (edwards, ed25519), (older, ed25519), (newer, ed25519)] {
            for pinned in [[rsa, p256, ed25519], [ed25519, p256, rsa], [p256, ed25519, rsa]] {
                let keys = set(core::slice::from_ref(&key));
                let does = pinned.iter().filter(|it| keys.candidates(**it, None, &pinned).count() == 1);
                assert_eq!(does.collect::<Vec<_>>(), [&own], "{key} {pinned:?}");
            }
        }
    }

    #[test]
    fn rfc7517_4_3_a_key_that_does_more_than_to_verify_does_that_too() {
        for key in [with("key_ops", json!(["sign", "verify"])), with("use", json!("sig")), with("e", json!("AQAAAQ"))] {
            assert_eq!(set(core::slice::from_ref(&key)).len(), 1, "{key}");
        }
    }

    #[test]
    fn oidc_core_10_1_a_kid_chooses_and_none_tries_a_bounded_number() {
        let mut other = rsa_key();
        other["kid"] = "b".into();
        let keys = set(&[rsa_key(), other]);
        let count = |id| keys.candidates(Algorithm::Rs256, id, &[Algorithm::Rs256]).count();
        assert_eq!((count(Some("a")), count(Some("c")), count(None)), (1, 0, 2));
        let known = [Some("a"), Some("b"), None, Some("c")].map(|id| keys.knows(id));
        assert_eq!(known, [true, true, true, false]);
        // A key without an id fits no token that names one.
        let mut unnamed = rsa_key();
        unnamed.as_object_mut().unwrap().remove("kid");
        assert_eq!(set(&[unnamed]).candidates(Algorithm::Rs256, Some("a"), &[Algorithm::Rs256]).count(), 0);
        let many = set(&vec![rsa_key(); 100]);
        assert_eq!(many.candidates(Algorithm::Rs256, None, &[Algorithm::Rs256]).count(), 8);
        assert_eq!(many.len(), MOST_KEYS);
        let mut behind = vec![json!({ "kty": "oct", "k": "AAAA" }); 100];
        behind.push(rsa_key());
        assert_eq!(set(&behind).len(), 1, "what cannot be used does not count");
    }

    #[test]
    fn what_is_no_key_set() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
            assert!(KeySet::parse(text).is_err(), "{text}");
        }
        assert!(set(&[]).is_empty());
    }
}
