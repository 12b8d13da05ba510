//! Providers' documents in KV, where all isolates find them: each under our MAC, since whoever can write there could
//! otherwise plant keys of their own.

use std::rc::Rc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    Gate,
    discovery::{Fetched, ProviderDocument, STALE},
};
use crate::{edge::Edge, oidc::Publisher, time::Timestamp};

impl Gate {
    /// Reads a document from KV. One that has no MAC of ours, or cannot be read, counts as absent.
    pub(super) async fn load<D: ProviderDocument, E: Edge>(
        &self,
        edge: &E,
        provider: Publisher<'_>,
        url: &str,
    ) -> Option<Fetched<D>> {
        let entry = edge.load(&key(D::KIND, provider, url)).await?;
        let (fetched, text) = self.opened(D::KIND, &entry, provider, url)?;
        Some(Fetched { document: Rc::new(D::parse(text, provider).ok()?), fetched })
    }

    /// Writes a document to KV when it differs from the one there, or that one is halfway through its time: KV takes
    /// few writes, and every isolate would make its own.
    pub(super) async fn store<E: Edge>(
        &self,
        kind: &str,
        edge: &E,
        provider: Publisher<'_>,
        url: &str,
        text: &str,
        now: Timestamp,
    ) {
        let key = key(kind, provider, url);
        let present = edge.load(&key).await;
        let young_and_same = present
            .as_deref()
            .and_then(|entry| self.opened(kind, entry, provider, url))
            .is_some_and(|(fetched, present)| present == text && now.since(fetched) < provider.freshness.half());
        if !young_and_same {
            let fetched = now.seconds().to_string();
            let tag = self.keys.authenticate(&[kind, provider.issuer.as_str(), url, &fetched, text]);
            edge.store(&key, format!("{tag} {fetched} {text}"), provider.freshness.plus(STALE)).await;
        }
    }

    /// The parts of a KV entry, if it bears our MAC for this document of this issuer at this address.
    fn opened<'e>(
        &self,
        kind: &str,
        entry: &'e str,
        provider: Publisher<'_>,
        url: &str,
    ) -> Option<(Timestamp, &'e str)> {
        let mut parts = entry.splitn(3, ' ');
        let (tag, fetched, text) = (parts.next()?, parts.next()?, parts.next()?);
        let authentic = self.keys.is_authentic(&[kind, provider.issuer.as_str(), url, fetched, text], tag);
        authentic.then_some((Timestamp::from_seconds(fetched.parse().ok()?), text))
    }
}

/// The name in KV: short, and different for every document, issuer and address.
fn key(kind: &str, provider: Publisher<'_>, url: &str) -> String {
    let digest = Sha256::digest(format!("{kind}\0{}\0{url}", provider.issuer));
    format!("portcullis:{kind}:{}", URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or_default()))
}
