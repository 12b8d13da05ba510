//! [`Head`]: the head of a request, as text.

use portcullis::edge::{Original, RequestHead};

use super::world::HOST;

/// The head of a request, as text.
#[derive(Clone, Debug)]
pub struct Head {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub country: Option<String>,
}

impl Head {
    /// A request of a script or a command-line client.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), url: format!("{HOST}{path}"), headers: Vec::new(), country: None }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn located_in(mut self, country: &str) -> Self {
        self.country = Some(country.to_owned());
        self
    }

    /// As a browser opens a page in a tab.
    pub fn navigation(url: &str) -> Self {
        let head = Self { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), country: None };
        head.with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document").with("accept", "text/html,*/*")
    }
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        &self.method
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn client_address(&self) -> Option<String> {
        self.header("cf-connecting-ip")
    }

    fn country(&self) -> Option<String> {
        self.country.clone()
    }

    fn names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    fn of_original(&self, original: Original) -> Self {
        let Original { method, url, upgrade } = original;
        let is_its_own = |name: &str| matches!(name, "upgrade" | "cf-connecting-ip");
        let headers = self.headers.iter().filter(|(name, _)| !is_its_own(name)).cloned().collect();
        let head = Self { method, url, headers, country: None };
        upgrade.iter().fold(head, |head, upgrade| head.with("upgrade", upgrade))
    }
}
