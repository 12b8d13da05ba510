//! [`ReturnTo`]: the page to go back to after a login.

use super::Endpoint;
use crate::{config::Site, rules::RequestPath};

/// The longest page address carried through a login, in bytes of path and query. It travels sealed in `state`, to the
/// provider and back; at this length an authorization request stays below the 8 KB that servers take.
const LONGEST: usize = 1_024;

/// A page of the site itself, outside the gate's own prefix: a path with its query.
///
/// It is parsed as a browser parses it, against the site's address, so that no spelling of another
/// site's address passes for one of ours. A fragment is cut off: it stays in the browser.
///
/// The one exception under the prefix is the page that ends a pop-up's login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    site: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A page of the site: path and query.
    Page(String),
    /// `/.auth/signed-in`, which says no more than that somebody is. The path is ours, never a visitor's.
    SignedIn(String),
}

impl ReturnTo {
    /// The site's home page.
    pub fn home(site: Site<'_>) -> Self {
        Self { site: site.address.to_owned(), place: Place::Page("/".to_owned()) }
    }

    /// Parses `text`, an absolute or relative address, as seen from `site`. `None` when it leads elsewhere, or to the
    /// gate itself, or is one that no origin would get.
    ///
    /// An address that is too long loses its query rather than the way back.
    pub fn parse(text: &str, site: Site<'_>, prefix: &str) -> Option<Self> {
        if let Some(end) = Self::signed_in(text, site, prefix) {
            return Some(end);
        }
        let base = url::Url::parse(site.address).ok()?;
        let url = base.join(text).ok()?;
        let bare = url.username().is_empty() && url.password().is_none();
        if url.origin() != base.origin() || !bare {
            return None;
        }
        if url.path().len() > LONGEST || RequestPath::parse(url.path()).ok()?.touches(prefix) {
            return None;
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let fits = url.path().len().saturating_add(query.len()) <= LONGEST;
        let path_and_query = if fits { format!("{}{query}", url.path()) } else { url.path().to_owned() };
        Some(Self { site: site.address.to_owned(), place: Place::Page(path_and_query) })
    }

    /// Parses what [`ReturnTo::path_and_query`] gave, when it comes back in a state: a path that begins with `//` is
    /// a path there, not a host.
    pub fn carried(path_and_query: &str, site: Site<'_>, prefix: &str) -> Option<Self> {
        let whole = || Self::parse(&format!("{}{path_and_query}", site.address), site, prefix);
        Self::signed_in(path_and_query, site, prefix).or_else(whole)
    }

    /// The page that ends a pop-up, byte for byte: it has one spelling, and no query that could say anything.
    fn signed_in(text: &str, site: Site<'_>, prefix: &str) -> Option<Self> {
        let place = Place::SignedIn(text.to_owned());
        (Endpoint::find(text, prefix) == Some(Endpoint::SignedIn))
            .then(|| Self { site: site.address.to_owned(), place })
    }

    /// The whole address, for `Location`: in it, a path that begins with `//` cannot be mistaken for another host.
    pub fn address(&self) -> String {
        format!("{}{}", self.site, self.path_and_query())
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.path_and_query().split('?').next().unwrap_or_default()
    }

    /// Path and query.
    pub fn path_and_query(&self) -> &str {
        match &self.place {
            Place::Page(path) | Place::SignedIn(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        let site = Site { address: "https://gate.example", host: "gate.example", development: false };
        ReturnTo::parse(text, site, "/.auth").map(|page| page.address())
    }

    #[test]
    fn pages_of_the_site_are_kept_with_their_query() {
        let rows = [
            ("/a/b?c=d&e", "https://gate.example/a/b?c=d&e"),
            ("https://gate.example/a", "https://gate.example/a"),
            ("https://gate.example:443/a", "https://gate.example/a"),
            ("https://gate.example//evil.example/x", "https://gate.example//evil.example/x"),
            ("/a#fragment", "https://gate.example/a"),
            ("", "https://gate.example/"),
            ("a", "https://gate.example/a"),
            ("?x", "https://gate.example/?x"),
            ("/caf\u{e9}", "https://gate.example/caf%C3%A9"),
        ];
        for (text, address) in rows {
            assert_eq!(parse(text).as_deref(), Some(address), "{text}");
        }
    }

    #[test]
    fn own_addresses_and_unreadable_paths_are_no_pages() {
        for text in [
            "/.auth/login",
            "/.auth",
            "/%2eauth/logout",
            "/x/../.auth/me",
            "//gate.example/.auth/login",
            "/.auth%2flogin",
            "/%00",
            "/%ff",
            "/%2525252f",
            "https://u@gate.example/a",
            "https://:p@gate.example/a",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_pop_up_ends_at_one_page_of_ours_in_one_spelling() {
        assert_eq!(parse("/.auth/signed-in").as_deref(), Some("https://gate.example/.auth/signed-in"));
        for text in [
            "/.auth/signed-in?",
            "/.auth/signed-in#",
            "/.auth/signed-in/",
            "/.auth/Signed-in",
            "/.auth/signed%2din",
            "/.auth/./signed-in",
            "/.auth//signed-in",
            "/.auth/me/../signed-in",
            "//gate.example/.auth/signed-in",
            "https://gate.example/.auth/signed-in",
            ".auth/signed-in",
            " /.auth/signed-in",
            "/.auth/signed-out",
            "/.auth/client.js",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_state_carried_is_where_it_led() {
        let site = Site { address: "https://gate.example", host: "gate.example", development: false };
        for text in ["/a?b=c", "https://gate.example//evil.example/x", "/.auth/signed-in", "/"] {
            let page = ReturnTo::parse(text, site, "/.auth").unwrap();
            assert_eq!(ReturnTo::carried(page.path_and_query(), site, "/.auth"), Some(page), "{text}");
        }
    }

    #[test]
    fn a_long_address_loses_its_query_and_an_endless_one_is_none() {
        assert_eq!(parse(&format!("/a?{}", "q".repeat(LONGEST))).as_deref(), Some("https://gate.example/a"));
        assert_eq!(parse(&format!("/{}", "a".repeat(LONGEST))), None);
        assert!(parse(&format!("/{}", "a".repeat(LONGEST - 1))).is_some());
    }
}
