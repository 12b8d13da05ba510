//! Signing out at the provider (RP-Initiated Logout 1.0, 2).

use url::Url;

use super::{Metadata, ProviderLogout, Registration};
use crate::secret::Secret;

/// A hint of this many bytes or more is left out, and the client id identifies us instead.
const LONGEST: usize = 8_000;

/// Where a person signs out at the provider, if that is possible.
pub fn end_session_endpoint(provider: &Registration, metadata: &Metadata) -> Option<Url> {
    metadata.end_session_endpoint.clone().filter(|_| provider.logout != ProviderLogout::None)
}

/// The address that signs the person out at the provider and leads back to `return_uri`.
///
/// The client id is always sent: providers demand it when there is no hint, and must compare it when there is one.
pub fn end_session_url(
    endpoint: &Url,
    provider: &Registration,
    id_token_hint: Option<&Secret<String>>,
    return_uri: &str,
) -> String {
    let mut url = endpoint.clone();
    let standard = provider.logout == ProviderLogout::Standard;
    let hint = id_token_hint.map(Secret::expose).filter(|hint| standard && hint.len() < LONGEST);
    url.query_pairs_mut()
        .extend_pairs(hint.map(|hint| ("id_token_hint", hint.as_str())))
        .append_pair("client_id", &provider.client_id)
        .append_pair(if standard { "post_logout_redirect_uri" } else { "logout_uri" }, return_uri);
    url.set_fragment(Some(""));
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::registration::tests::registration;

    #[test]
    fn rp_initiated_logout_2_the_request() {
        let endpoint = Url::parse("https://id.example/out?t=1").unwrap();
        let hint = Secret::new("h".to_owned());
        let mut provider = registration("https://id.example");
        provider.client_id = "c".to_owned();
        assert_eq!(
            end_session_url(&endpoint, &provider, Some(&hint), "https://g.example/out"),
            "https://id.example/out?t=1&id_token_hint=h&client_id=c&post_logout_redirect_uri=https%3A%2F%2Fg.example%2Fout#"
        );
        let long = Secret::new("h".repeat(LONGEST));
        assert!(!end_session_url(&endpoint, &provider, Some(&long), "https://g.example/out").contains("hint"));
    }

    #[test]
    fn cognito_takes_other_parameters() {
        let endpoint = Url::parse("https://id.example/logout").unwrap();
        let hint = Secret::new("h".to_owned());
        let mut provider = registration("https://id.example");
        (provider.client_id, provider.logout) = ("c".to_owned(), ProviderLogout::LogoutUri);
        assert_eq!(
            end_session_url(&endpoint, &provider, Some(&hint), "https://g.example/out"),
            "https://id.example/logout?client_id=c&logout_uri=https%3A%2F%2Fg.example%2Fout#"
        );
    }
}
