//! [`Host`]: one configured host; [`Site`]: the host that a request came to.

/// A host that is served, lower case, with its port when it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
    port: Option<String>,
    loopback: bool,
}

/// The place a request came to, once its host has been found in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'s> {
    /// Scheme, host and port: what a browser calls the origin of our pages.
    pub address: &'s str,
    /// Host and port.
    pub host: &'s str,
    /// A loopback host over plain HTTP: cookies there have neither prefix nor `Secure`.
    pub development: bool,
}

impl Host {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (name, Some(port.to_owned()))
            }
            _ => (text, None),
        };
        let url = url::Url::parse(&format!("https://{text}/"))
            .map_err(|_| format!("{text:?} is not a host: write it as in \"docs.example.com\""))?;
        let plain = url.host_str() == Some(name) && !name.ends_with('.') && !text.contains('*');
        if !plain {
            return Err(format!(
                "{text:?} is not a host as a browser writes it: no scheme, no path, no wildcard, lower case, punycode"
            ));
        }
        // After https, or http on this machine, a parser drops the scheme's own port, and leading zeros.
        if port.as_deref() == Some("80") || port != url.port().map(|port| port.to_string()) {
            return Err(format!(
                "{text:?} has a port as no address spells it: leave out 80 and 443, and zeros in front"
            ));
        }
        Ok(Self { name: name.to_owned(), port, loopback: is_loopback(name) })
    }

    /// The host without its port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if the settings give one.
    pub fn port(&self) -> Option<&str> {
        self.port.as_deref()
    }

    /// Whether the host is this machine: the only place where plain HTTP is served.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether `text` names exactly this host, as the settings write it.
    pub fn is(&self, text: &str) -> bool {
        match &self.port {
            None => text == self.name,
            Some(port) => text.strip_suffix(port.as_str()).and_then(|rest| rest.strip_suffix(':')) == Some(&self.name),
        }
    }

    /// Whether `host` (host and port as in an address) is this one. A loopback host without a port
    /// stands for every port, so that development servers can choose theirs.
    fn serves(&self, host: &str) -> bool {
        if let Some(port) = &self.port {
            return host.strip_suffix(port.as_str()).and_then(|rest| rest.strip_suffix(':')) == Some(&self.name);
        }
        match host.strip_prefix(self.name.as_str()) {
            Some("") => true,
            Some(rest) if self.is_loopback() => {
                rest.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            }
            _ => false,
        }
    }
}

impl<'s> Site<'s> {
    /// The site of `address` (`http[s]://host[:port]`, as a URL parser writes it) when one of `hosts` is meant;
    /// `None` otherwise.
    pub fn find(hosts: &[Host], address: &'s str) -> Option<Self> {
        let (host, https) = match address.as_bytes() {
            [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => (address.get(8..)?, true),
            [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => (address.get(7..)?, false),
            _ => return None,
        };
        let found = hosts.iter().find(|served| served.serves(host))?;
        Some(Self { address, host, development: !https && found.is_loopback() })
    }

    /// Whether the request may go on as it came: over HTTPS, or on this machine.
    pub fn is_secure(&self) -> bool {
        self.development || self.address.starts_with("https://")
    }
}

/// Whether `name` is this machine by name or address.
pub(crate) fn is_loopback(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'s>(host: &str, address: &'s str) -> Option<Site<'s>> {
        Site::find(&[Host::parse(host).unwrap()], address)
    }

    #[test]
    fn only_the_listed_host_is_found_in_the_listed_spelling() {
        assert!(find("docs.example.com", "https://docs.example.com").is_some());
        for address in [
            "https://docs.example.com.",
            "https://docs.example.com:8443",
            "https://xdocs.example.com",
            "https://docs.example.com.evil.test",
            "https://docs.example.comx",
            "https://",
            "docs.example.com",
            "ftp://docs.example.com",
            "HTTPS://docs.example.com",
            "https:docs.example.com",
            "httpss://docs.example.com",
        ] {
            assert!(find("docs.example.com", address).is_none(), "{address}");
        }
        assert!(find("docs.example.com:8443", "https://docs.example.com:8443").is_some());
        assert!(find("docs.example.com:8443", "https://docs.example.com").is_none());
    }

    #[test]
    fn a_loopback_host_without_port_stands_for_every_port() {
        let site = find("localhost", "http://localhost:8787").unwrap();
        assert!(site.development && site.is_secure());
        assert!(find("localhost", "http://localhost:8787.evil.test").is_none());
        assert!(find("localhost:1", "http://localhost:2").is_none());
        assert!(find("[::1]", "http://[::1]:8787").unwrap().development);
    }

    #[test]
    fn plain_http_is_secure_on_this_machine_alone() {
        assert!(!find("docs.example.com", "http://docs.example.com").unwrap().is_secure());
        assert!(find("localhost", "https://localhost").is_some_and(|site| !site.development));
    }

    #[test]
    fn a_port_that_no_address_spells_is_refused() {
        for text in [
            "docs.example.com:443",
            "docs.example.com:80",
            "localhost:80",
            "localhost:443",
            "[::1]:80",
            "a.example:08443",
        ] {
            let problem = Host::parse(text).unwrap_err();
            assert!(problem.contains("leave out 80 and 443"), "{text}: {problem}");
        }
        for text in ["docs.example.com:8443", "localhost:8080", "[::1]:8787", "127.0.0.1:1"] {
            assert!(Host::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn hosts_are_written_as_a_browser_writes_them() {
        for text in [
            "",
            "https://a.example",
            "a.example/",
            "*.example",
            "A.example",
            "a.example.",
            "a b",
            "a@b",
            "bücher.example",
            "a.example:x",
        ] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }
}
