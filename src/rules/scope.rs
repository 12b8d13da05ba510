//! [`Scope`]: the hosts and methods that a rule is about, besides its path.

/// The hosts and methods a rule is about. The default is every host and every method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    host: Option<HostPattern>,
    methods: Vec<String>,
}

/// A host, or all hosts below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// `.example.com`: every host that ends in this. The dot keeps out `badexample.com`, and `example.com` itself.
    Below(String),
}

impl HostPattern {
    /// Takes `docs.example.com` or `*.example.com`: lower case, without scheme, port or path.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._[:]".contains(&byte);
        let odd = name.is_empty() || name.starts_with('.') || name.ends_with('.') || !name.bytes().all(plain);
        if odd || name_of(name) != name {
            return Err(format!(
                "{text:?} is not a host: write \"docs.example.com\" or \"*.example.com\", lower case, without port"
            ));
        }
        Ok(match text.strip_prefix('*') {
            Some(below) => Self::Below(below.to_owned()),
            None => Self::Exact(text.to_owned()),
        })
    }

    /// Whether `host`, with or without a port, is meant.
    pub fn matches(&self, host: &str) -> bool {
        let name = name_of(host);
        match self {
            Self::Exact(own) => own == name,
            Self::Below(suffix) => name.strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.is_empty()),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(name)) => self.matches(name),
            (Self::Below(suffix), Self::Below(other)) => other.ends_with(suffix.as_str()),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl Scope {
    /// The scope of this host and these methods; none means all. `GET` includes `HEAD`, since every origin answers
    /// both from the same place.
    pub fn new(host: Option<HostPattern>, mut methods: Vec<String>) -> Self {
        if methods.iter().any(|method| method == "GET") && !methods.iter().any(|method| method == "HEAD") {
            methods.push("HEAD".to_owned());
        }
        Self { host, methods }
    }

    /// Whether it names methods.
    pub fn names_methods(&self) -> bool {
        !self.methods.is_empty()
    }

    pub(super) fn has_host(&self, host: &str) -> bool {
        self.host.as_ref().is_none_or(|own| own.matches(host))
    }

    pub(super) fn has_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|own| own == method)
    }

    /// Whether everything that is in `other` is in this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let hosts = match (&self.host, &other.host) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(_), None) => false,
        };
        let methods = self.methods.is_empty()
            || !other.methods.is_empty() && other.methods.iter().all(|method| self.methods.contains(method));
        hosts && methods
    }
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_exact_or_below_a_dot() {
        let rows: [(&str, &[&str], &[&str]); 5] = [
            (
                "docs.example.com",
                &["docs.example.com", "docs.example.com:8443"],
                &[
                    "docs.example.com:",
                    "docs.example.com:x",
                    "example.com",
                    "x.docs.example.com",
                    "docs.example.com.evil.test",
                    "docsxexample.com",
                    "",
                ],
            ),
            (
                "*.example.com",
                &["docs.example.com", "a.b.example.com", "docs.example.com:1"],
                &["example.com", "badexample.com", ".example.com", "docs.example.com.", "example.com.evil.test"],
            ),
            ("localhost", &["localhost", "localhost:8787"], &["localhost.evil.test"]),
            ("[::1]", &["[::1]", "[::1]:8787"], &["[::1", "[::]", "[::2]:1"]),
            ("docs2.example.com", &["docs2.example.com"], &["docs.example.com"]),
        ];
        for (text, yes, no) in rows {
            let pattern = HostPattern::parse(text).unwrap();
            yes.iter().for_each(|host| assert!(pattern.matches(host), "{text} {host}"));
            no.iter().for_each(|host| assert!(!pattern.matches(host), "{text} {host}"));
        }
    }

    #[test]
    fn what_is_no_host() {
        for text in [
            "",
            "*",
            "*.",
            "**.example.com",
            "a.*.com",
            "*example.com",
            "Docs.example.com",
            "docs.example.com.",
            "docs.example.com:443",
            "https://x",
            "x/y",
            ".example.com",
        ] {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn covering_says_yes_only_when_it_is_so() {
        let scope = |host: &str, methods: &[&str]| {
            let host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
            Scope::new(host, methods.iter().map(|method| (*method).to_owned()).collect())
        };
        let rows: [((&str, &[&str]), (&str, &[&str]), bool); 10] = [
            (("", &[]), ("a.example", &["GET"]), true),
            (("a.example", &[]), ("", &[]), false),
            (("*.example", &[]), ("a.example", &[]), true),
            (("*.example", &[]), ("*.a.example", &[]), true),
            (("*.a.example", &[]), ("*.example", &[]), false),
            (("a.example", &[]), ("*.example", &[]), false),
            (("", &["GET"]), ("", &["HEAD"]), true),
            (("", &["HEAD"]), ("", &["GET"]), false),
            (("", &["GET", "POST"]), ("", &[]), false),
            (("", &["GET", "POST"]), ("", &["POST"]), true),
        ];
        for (general, special, covers) in rows {
            assert_eq!(
                scope(general.0, general.1).covers(&scope(special.0, special.1)),
                covers,
                "{general:?} {special:?}"
            );
        }
    }
}
