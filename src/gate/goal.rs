//! [`Goal`]: where a login leads, and which request it is for.

use super::ReturnTo;
use crate::{config::Site, session::LoginState};

/// The method that opens a page.
const OPENED: &str = "GET";
/// The prompt that lets somebody else sign in (Core 3.1.2.1).
pub(super) const SELECT_ACCOUNT: &str = "select_account";
/// The prompt that makes the person sign in anew (Core 3.1.2.1).
pub(super) const LOGIN: &str = "login";
/// The longest method that a login carries: the longest registered one has 17 letters.
const LONGEST_METHOD: usize = 32;

/// What a login is for: usually a GET of the page it returns to. Where another page or method needs the login, that
/// is carried too, since its rule says what to ask of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    return_to: ReturnTo,
    needed_by: Option<ReturnTo>,
    method: Option<String>,
    prompt: Option<&'static str>,
    fragment: Option<String>,
    provider: Option<String>,
}

impl Goal {
    /// A login whose page is to be opened.
    pub(super) fn page(return_to: ReturnTo) -> Self {
        Self { return_to, needed_by: None, method: None, prompt: None, fragment: None, provider: None }
    }

    /// A login that leads to one page and may be needed by another, or for more than to open it. What adds nothing is
    /// left out: the same page again, the method that opens it, and text that is not a method.
    pub(super) fn of(return_to: ReturnTo, needed_by: Option<ReturnTo>, method: Option<String>) -> Self {
        let needed_by = needed_by.filter(|page| page.path() != return_to.path());
        let method = method.filter(|method| method != OPENED && is_method(method));
        Self { needed_by, method, ..Self::page(return_to) }
    }

    /// The same, at this provider.
    pub(super) fn at(self, provider: &str) -> Self {
        Self { provider: Some(provider.to_owned()), ..self }
    }

    /// The same, with this prompt for the provider.
    pub(super) fn asking(&self, prompt: Option<&'static str>) -> Self {
        Self { prompt, ..self.clone() }
    }

    /// What the login of a state was for; `None` if nothing may return to its page any more.
    pub(super) fn carried(state: &LoginState, site: Site<'_>, prefix: &str) -> Option<Self> {
        let page = |path: &str| ReturnTo::carried(path, site, prefix);
        let needed_by = state.needed_by.as_deref().and_then(page);
        let goal = Self::of(page(&state.return_to)?, needed_by, state.method.clone());
        let goal = goal.asking(prompt(state.prompt.as_deref())).at(&state.provider);
        Some(Self { fragment: state.fragment.clone(), ..goal })
    }

    /// The page that the login leads to.
    pub(super) fn return_to(&self) -> &ReturnTo {
        &self.return_to
    }

    /// The key under which the browser still keeps the page's fragment from an earlier attempt, if it does.
    pub(super) fn fragment(&self) -> Option<&str> {
        self.fragment.as_deref()
    }

    /// The provider that the person was sent to, once there is one: for the log. Another attempt may go to another.
    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The page that needs the login.
    pub(super) fn needing(&self) -> &ReturnTo {
        self.needed_by.as_ref().unwrap_or(&self.return_to)
    }

    /// What is to be done with that page.
    pub(super) fn method(&self) -> &str {
        self.method.as_deref().unwrap_or(OPENED)
    }

    /// What the person wants the provider to do first.
    pub(super) fn prompt(&self) -> Option<&'static str> {
        self.prompt
    }

    /// For a state: the path of the page that needs the login, if the login leads to another, and the method, if the
    /// login is needed for more than to open the page.
    pub(super) fn beside(&self) -> (Option<String>, Option<String>) {
        (self.needed_by.as_ref().map(|page| page.path().to_owned()), self.method.clone())
    }

    /// The query of a login's address.
    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("return_to", &in_a_query(&self.return_to));
        query.extend_pairs(self.needed_by.as_ref().map(|page| ("for", in_a_query(page))));
        query.extend_pairs(self.method.as_ref().map(|method| ("method", method)));
        query.extend_pairs(self.prompt.map(|prompt| ("prompt", prompt)));
        query.finish()
    }
}

/// The prompts that a person may ask for (Core 3.1.2.1).
pub(super) fn prompt(wanted: Option<&str>) -> Option<&'static str> {
    [LOGIN, SELECT_ACCOUNT].into_iter().find(|known| wanted == Some(known))
}

/// The page as a parameter. A path that begins with two slashes would be read as a host if it stood alone.
fn in_a_query(page: &ReturnTo) -> String {
    if page.path_and_query().starts_with("//") { page.address() } else { page.path_and_query().to_owned() }
}

/// Whether this looks like a method: capital letters, as all registered ones have, and the marks of some (RFC 9110,
/// 16.1.1).
fn is_method(text: &str) -> bool {
    (1..=LONGEST_METHOD).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site<'static> {
        Site { address: "https://gate.example", host: "gate.example", development: false }
    }

    #[test]
    fn an_address_says_beside_the_page_what_the_page_does_not() {
        let page = |path: &str| ReturnTo::parse(&format!("https://gate.example{path}"), site(), "/.auth").unwrap();
        for (needed_by, method, query) in [
            (None, None, "return_to=%2Fa%3Fb"),
            (Some("/a?c"), Some("GET"), "return_to=%2Fa%3Fb"),
            (Some("/c?d"), Some("PUT"), "return_to=%2Fa%3Fb&for=%2Fc%3Fd&method=PUT"),
            // A browser would take what begins with two slashes for a host.
            (Some("//c"), None, "return_to=%2Fa%3Fb&for=https%3A%2F%2Fgate.example%2F%2Fc"),
        ] {
            let goal = Goal::of(page("/a?b"), needed_by.map(page), method.map(str::to_owned));
            assert_eq!(goal.query(), query);
            assert_eq!(goal.asking(Some("login")).query(), format!("{query}&prompt=login"));
        }
    }

    #[test]
    fn rfc9110_16_1_1_what_is_no_method_is_left_out() {
        let told = |method: &str| {
            let page = ReturnTo::parse("/pay/x", site(), "/.auth").unwrap();
            Goal::of(page, None, Some(method.to_owned())).beside().1
        };
        for method in ["POST", "M-SEARCH", "VERSION_CONTROL", "A", &"A".repeat(32)] {
            assert_eq!(told(method).as_deref(), Some(method));
        }
        for method in ["", &"A".repeat(33), "post", "PO ST", "POST&prompt=login", "POST\n", "P\u{d6}ST", "P0ST", "GET"]
        {
            assert_eq!(told(method), None, "{method:?}");
        }
    }
}
