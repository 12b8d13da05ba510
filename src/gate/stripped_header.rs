//! [`StrippedHeader`]: client headers that go no further, since an origin could take one for the gate's word, or be
//! led by it to serve something other than was judged.

use super::{TOKEN_HEADER, method::METHOD_HEADERS};
use crate::config::Headers;

/// Headers that make some origins serve another path than the one that was asked for and judged: they name it, or
/// what to cut off in front of it.
const PATH_HEADERS: [&str; 16] = [
    "x-original-url",
    "x-original-uri",
    "x-original-path",
    "x-rewrite-url",
    "x-override-url",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-envoy-original-path",
    "x-ingress-path",
    "x-script-name",
    "script-name",
    "path-info",
    "x-astro-path",
    "x-matched-path",
    "x-now-route-matches",
];

/// The same for another host, or for a port after which frameworks paste the path: `443/admin?` is more than a port.
const HOST_HEADERS: [&str; 7] = [
    "x-forwarded-host",
    "forwarded",
    "x-forwarded-server",
    "x-forwarded-port",
    "x-original-host",
    "x-host",
    "x-http-host-override",
];
/// Those in which proxies state the true host or path, or their own.
const PROXYS: [&str; 6] =
    ["x-forwarded-host", "forwarded", "x-forwarded-server", "x-forwarded-port", "x-forwarded-uri", "x-original-uri"];

/// The gate or the platform sets it under this name; any other spelling is a client's.
const TOLD: &str = "x-forwarded-proto";

/// `Expect` (RFC 9110, 10.1.1) goes no further: the gate has accepted the body, and the runtime would take the
/// origin's 100 for its answer.
const EXPECT: &str = "expect";

/// A header that goes no further, in any spelling that a server could take for it: letters in either case, and any
/// other mark for `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrippedHeader<'n> {
    /// In every spelling.
    Name(&'n str),
    /// In every spelling but this one.
    Spellings(&'n str),
}

impl<'n> StrippedHeader<'n> {
    /// What the gate removes from a request on its way to the origin. A service token is for the gate, whether or not
    /// the rule asks for one.
    pub fn here(headers: &'n Headers) -> impl Iterator<Item = Self> {
        let names = headers.managed().split(',').chain(PATH_HEADERS).chain(HOST_HEADERS).chain([TOKEN_HEADER, EXPECT]);
        names.map(Self::Name).chain(METHOD_HEADERS.into_iter().chain([TOLD]).map(Self::Spellings))
    }

    /// What a proxy must remove before it asks about a request: the same, except what it may itself send on or
    /// remove.
    pub(super) fn behind_a_proxy(headers: &'n Headers) -> impl Iterator<Item = Self> {
        Self::here(headers).map(|withheld| match withheld {
            Self::Name(name) if matches!(name, TOKEN_HEADER | EXPECT) || PROXYS.contains(&name) => {
                Self::Spellings(name)
            }
            withheld => withheld,
        })
    }

    /// Whether `name` is such a spelling.
    pub(super) fn is(self, name: &str) -> bool {
        let read = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
        let (Self::Name(own) | Self::Spellings(own)) = self;
        let itself = matches!(self, Self::Spellings(_)) && name.eq_ignore_ascii_case(own);
        !itself && name.bytes().map(read).eq(own.bytes())
    }
}
