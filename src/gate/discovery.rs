//! What providers publish – metadata and keys – and how long it is believed.
//!
//! A document is looked for in the isolate's memory, then in KV, then at the provider.
//!
//! | the document | what happens |
//! |---|---|
//! | fresh, for the time that the settings give | it is used |
//! | older | it is used, and fetched anew in the background; keys for access tokens are waited for, three seconds |
//! | older by more than a day | it is not used: the provider is asked, and without an answer there is none |
//!
//! What comes back from KV is believed only with our MAC on it: whoever can write there could otherwise plant keys of
//! their own.

use core::future::Future;
use std::{cell::RefMut, collections::HashMap, pin::Pin, rc::Rc};

use super::{EventKind, Gate, Request, Trouble, budget::Budget};
use crate::{
    edge::{Call, Edge, RequestHead, Unreachable},
    oidc::{
        ANSWER_BYTES, ANSWER_DEADLINE, KeySet, Metadata, Publisher, Registration, SignatureProof, Signed, discovery_url,
    },
    time::{Lifetime, Timestamp},
};

/// How long past its freshness a document is still believed while the provider cannot be reached: a day. A provider
/// that is down for longer has other worries, and a withdrawn key must stop counting at some point.
pub(super) const STALE: Lifetime = Lifetime::from_seconds(86_400);
/// How long a request waits for a document that is being fetched, in milliseconds: as long as that call may take, and
/// one look more.
const PATIENCE: u32 = 8_100;
/// The same for a request that can do without it, or with an older one: three seconds.
const LITTLE_PATIENCE: u32 = 3_000;
/// How long it waits between two looks, in milliseconds; and how long once a call has taken longer than most do,
/// since each look costs the waiting request some of the time that the platform gives it.
const BETWEEN_LOOKS: u32 = 10;
const BETWEEN_LATE_LOOKS: u32 = 100;
const LATE: u32 = 500;
/// When an issuer that was down may be asked again (see [`Budget`]).
const PAUSE: Lifetime = Lifetime::from_seconds(30);
/// A call that brought nothing in time.
const LOST: Trouble = Trouble::Unreachable(Unreachable::Deadline);

/// What an isolate knows of its providers. Plain data: a request that waits for another's call looks here for its
/// result, since the platform lets no request await another's promise.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    providers: HashMap<String, ProviderDocuments>,
}

#[derive(Debug)]
pub(super) struct ProviderDocuments {
    metadata: Shelf<Metadata>,
    keys: Shelf<KeySet>,
}

/// One document of one provider, and the calls left for it.
#[derive(Debug)]
pub(super) struct Shelf<D> {
    kept: Option<Fetched<D>>,
    calls: Budget,
    /// When the call that is under way began.
    under_way: Option<Timestamp>,
    /// Why the last call failed, if it did.
    failed: Option<Trouble>,
}

/// Why a signature is not proven.
#[derive(Debug)]
pub(super) enum Unproven {
    /// The metadata are unavailable, and none are kept.
    MetadataDown(Trouble),
    /// The keys are unavailable, and none are kept.
    KeysDown(Trouble),
    /// None of the kept keys verifies it, and newer ones are unavailable.
    NewKeysDown(Trouble),
    /// No key of the provider verifies it.
    NoKey,
}

/// A parsed document, and when it was fetched.
#[derive(Debug)]
pub(super) struct Fetched<D> {
    pub(super) document: Rc<D>,
    pub(super) fetched: Timestamp,
}

impl<D> Shelf<D> {
    /// Ends a call, with what it brought or why it brought nothing.
    fn end(&mut self, kept: Option<Fetched<D>>, failed: Option<Trouble>) {
        self.under_way = None;
        self.failed = failed;
        self.kept = kept.or_else(|| self.kept.take());
    }
}

impl<D> Clone for Fetched<D> {
    fn clone(&self) -> Self {
        Self { document: Rc::clone(&self.document), fetched: self.fetched }
    }
}

impl<D> Fetched<D> {
    fn is_fresh(&self, now: Timestamp, provider: Publisher<'_>) -> bool {
        now.since(self.fetched) < provider.freshness
    }

    fn is_believed(&self, now: Timestamp, provider: Publisher<'_>) -> bool {
        now.since(self.fetched) < provider.freshness.plus(STALE)
    }
}

/// A document that providers publish.
pub(super) trait ProviderDocument: Sized + 'static {
    const KIND: &'static str;
    fn parse(text: &str, provider: Publisher<'_>) -> Result<Self, String>;
    fn shelf(known: &mut ProviderDocuments) -> &mut Shelf<Self>;

    /// Whether a request waits for a newer one when the kept one is no longer fresh.
    fn is_awaited(_: Publisher<'_>) -> bool {
        false
    }
}

impl ProviderDocument for Metadata {
    const KIND: &'static str = "metadata";

    fn parse(text: &str, provider: Publisher<'_>) -> Result<Self, String> {
        Self::parse(text, provider).map_err(|error| error.to_string())
    }

    fn shelf(known: &mut ProviderDocuments) -> &mut Shelf<Self> {
        &mut known.metadata
    }
}

impl ProviderDocument for KeySet {
    const KIND: &'static str = "keys";

    fn parse(text: &str, _: Publisher<'_>) -> Result<Self, String> {
        let keys = Self::parse(text).map_err(|error| error.to_string())?;
        if keys.is_empty() { Err("no usable key in it".to_owned()) } else { Ok(keys) }
    }

    fn shelf(known: &mut ProviderDocuments) -> &mut Shelf<Self> {
        &mut known.keys
    }

    /// An ID token comes from the provider itself, at this moment; an access token comes from whoever has it, and its
    /// key may have been withdrawn since.
    fn is_awaited(publisher: Publisher<'_>) -> bool {
        !publisher.signs_in
    }
}

impl Default for ProviderDocuments {
    fn default() -> Self {
        Self {
            metadata: Shelf { kept: None, calls: Budget::single(), under_way: None, failed: None },
            keys: Shelf { kept: None, calls: Budget::burst_of_three(), under_way: None, failed: None },
        }
    }
}

impl Gate {
    /// The provider's metadata.
    pub(super) async fn metadata<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: &Registration,
    ) -> Result<Rc<Metadata>, Trouble> {
        self.document(request, provider.publisher(), &discovery_url(&provider.issuer), PATIENCE)
            .await
            .map(|kept| kept.document)
    }

    /// The provider's metadata, for a caller that can do without: a provider that does not answer soon counts as
    /// having none.
    pub(super) async fn metadata_soon<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: &Registration,
    ) -> Option<Rc<Metadata>> {
        let kept =
            self.document(request, provider.publisher(), &discovery_url(&provider.issuer), LITTLE_PATIENCE).await;
        kept.ok().map(|kept| kept.document)
    }

    /// The provider's keys.
    pub(super) async fn provider_keys<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: &Registration,
        metadata: &Metadata,
    ) -> Result<Rc<KeySet>, Trouble> {
        self.document(request, provider.publisher(), metadata.jwks_uri.as_str(), PATIENCE)
            .await
            .map(|kept| kept.document)
    }

    /// Step 6 of Core 3.1.3.7, and the same step for other tokens: finds the key and has the signature verified.
    ///
    /// A token that no known key verifies causes one fetch of the keys, within the budget: the provider may have
    /// rotated them (Core 10.1.1).
    pub(super) async fn prove<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: Publisher<'_>,
        signed: &Signed<'_>,
    ) -> Result<SignatureProof, Unproven> {
        let url = discovery_url(provider.issuer);
        let metadata = self.document::<Metadata, E, H>(request, provider, &url, PATIENCE).await;
        let metadata = metadata.map_err(Unproven::MetadataDown)?.document;
        let url = metadata.jwks_uri.as_str();
        let keys = self.document::<KeySet, E, H>(request, provider, url, PATIENCE).await.map_err(Unproven::KeysDown)?;
        if let Some(proof) = try_keys(request.edge, request.now, &keys, provider, signed).await {
            return Ok(proof);
        }
        match self.call::<KeySet, E>(request.edge, request.now, &request.id, provider, url, PATIENCE).await {
            Ok(keys) => try_keys(request.edge, request.now, &keys, provider, signed).await.ok_or(Unproven::NoKey),
            Err(Trouble::Budget) if keys.document.knows(signed.key_id) => Err(Unproven::NoKey),
            Err(trouble) => Err(Unproven::NewKeysDown(trouble)),
        }
    }

    async fn document<D: ProviderDocument, E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: Publisher<'_>,
        url: &str,
        patience: u32,
    ) -> Result<Fetched<D>, Trouble> {
        let (edge, now) = (request.edge, request.now);
        let mut kept = self.remembered::<D>(provider);
        if !kept.as_ref().is_some_and(|kept| kept.is_fresh(now, provider)) {
            // Another isolate may have fetched it already.
            let found = self.load::<D, E>(edge, provider, url).await;
            kept = self.younger(found, provider);
        }
        match kept {
            Some(kept) if kept.is_fresh(now, provider) => Ok(kept),
            Some(kept) if kept.is_believed(now, provider) && D::is_awaited(provider) => {
                let newer = self.call::<D, E>(edge, now, &request.id, provider, url, LITTLE_PATIENCE).await;
                Ok(newer.unwrap_or(kept))
            }
            Some(kept) if kept.is_believed(now, provider) => {
                // The caller gets the stale document; the background call logs its own failure.
                let _begun = self.begin::<D, E>(edge, now, &request.id, provider, url);
                Ok(kept)
            }
            _ => self.call::<D, E>(edge, now, &request.id, provider, url, patience).await,
        }
    }

    fn shelf<D: ProviderDocument>(&self, provider: Publisher<'_>) -> RefMut<'_, Shelf<D>> {
        RefMut::map(self.knowledge.borrow_mut(), |knowledge| {
            D::shelf(knowledge.providers.entry(provider.id.to_owned()).or_default())
        })
    }

    fn remembered<D: ProviderDocument>(&self, provider: Publisher<'_>) -> Option<Fetched<D>> {
        self.shelf::<D>(provider).kept.clone()
    }

    /// Remembers `found` if it is younger than what is remembered by now, and returns the younger of the two.
    fn younger<D: ProviderDocument>(&self, found: Option<Fetched<D>>, provider: Publisher<'_>) -> Option<Fetched<D>> {
        let mut shelf = self.shelf::<D>(provider);
        let is_younger = found.as_ref().map(|kept| kept.fetched) > shelf.kept.as_ref().map(|kept| kept.fetched);
        if is_younger {
            shelf.kept = found;
        }
        shelf.kept.clone()
    }

    /// Calls the provider, within the budget, and waits for the result by looking for it, since requests cannot share
    /// a promise.
    async fn call<D: ProviderDocument, E: Edge>(
        self: &Rc<Self>,
        edge: &E,
        now: Timestamp,
        request: &str,
        provider: Publisher<'_>,
        url: &str,
        patience: u32,
    ) -> Result<Fetched<D>, Trouble> {
        self.begin::<D, E>(edge, now, request, provider, url)?;
        let mut waited = 0_u32;
        while waited < patience {
            let pause = if waited < LATE { BETWEEN_LOOKS } else { BETWEEN_LATE_LOOKS };
            edge.pause(pause).await;
            waited = waited.saturating_add(pause);
            let shelf = self.shelf::<D>(provider);
            if shelf.under_way.is_some_and(|since| edge.now().since(since) > ANSWER_DEADLINE) {
                break;
            }
            if shelf.under_way.is_none() {
                return shelf.failed.clone().map_or_else(|| shelf.kept.clone().ok_or(LOST), Err);
            }
        }
        Err(LOST)
    }

    /// Begins a call unless one is under way. The call belongs to no request: it continues when the request that
    /// began it is gone. Otherwise whoever starts logins and hangs up would use up everybody's calls.
    fn begin<D: ProviderDocument, E: Edge>(
        self: &Rc<Self>,
        edge: &E,
        now: Timestamp,
        request: &str,
        provider: Publisher<'_>,
        url: &str,
    ) -> Result<(), Trouble> {
        // The request may have waited for other calls before.
        let now = edge.now().max(now);
        let mut shelf = self.shelf::<D>(provider);
        if shelf.under_way.is_some_and(|since| now.since(since) <= ANSWER_DEADLINE) {
            return Ok(());
        }
        if !shelf.calls.take(now) {
            return Err(Trouble::Budget);
        }
        (shelf.under_way, shelf.failed) = (Some(now), None);
        let (provider, url, request) = (provider.id.to_owned(), url.to_owned(), request.to_owned());
        edge.in_background(Rc::clone(self).fetch_anew::<D, E>(edge.clone(), now, request, provider, url));
        Ok(())
    }

    fn fetch_anew<D: ProviderDocument, E: Edge>(
        self: Rc<Self>,
        edge: E,
        now: Timestamp,
        request: String,
        provider: String,
        url: String,
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let Some(provider) = self.config.publisher(&provider) else { return };
            let text = get(&edge, &url).await;
            let found = text.and_then(|text| Ok((D::parse(&text, provider).map_err(Trouble::Unusable)?, text)));
            match found {
                Ok((document, text)) => {
                    let kept = Some(Fetched { document: Rc::new(document), fetched: now });
                    self.shelf::<D>(provider).end(kept, None);
                    self.store(D::KIND, &edge, provider, &url, &text, now).await;
                }
                Err(trouble) => {
                    let event = super::Event::new(EventKind::ProviderTrouble, D::KIND, &request)
                        .with("provider", provider.id)
                        .with("detail", &trouble.detail());
                    edge.log(&event);
                    self.shelf::<D>(provider).end(None, Some(trouble));
                }
            }
        })
    }
}

/// The text at `url`.
async fn get<E: Edge>(edge: &E, url: &str) -> Result<String, Trouble> {
    let call =
        Call { url: url.to_owned(), form: None, authorization: None, limit: ANSWER_BYTES, deadline: ANSWER_DEADLINE };
    let reply = edge.fetch(call).await.map_err(Trouble::Unreachable)?;
    if reply.status == 200 { Ok(reply.body) } else { Err(Trouble::Status(reply.status)) }
}

/// Tries the keys that may have signed it: a handful at most. A proof is dated by its keys, so one made with a key
/// that is withdrawn later ends when the keys do. With stale keys only, it lasts until the issuer may be asked again
/// ([`PAUSE`]).
async fn try_keys<E: Edge>(
    edge: &E,
    now: Timestamp,
    keys: &Fetched<KeySet>,
    provider: Publisher<'_>,
    signed: &Signed<'_>,
) -> Option<SignatureProof> {
    // The request may be older than the keys that it waited for.
    let as_of =
        if keys.is_fresh(now, provider) { keys.fetched.min(now) } else { now.before(provider.freshness).after(PAUSE) };
    for key in keys.document.candidates(signed.algorithm, signed.key_id, provider.algorithms) {
        if edge.verify(signed.algorithm, key, signed.message, signed.signature).await {
            return Some(SignatureProof::assertion(provider, signed, key, as_of));
        }
    }
    None
}
