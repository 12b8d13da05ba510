//! [`Route`]: which addresses lead to the Worker, as `wrangler.toml` says, compared with the hosts that are served.

use portcullis::config::{Config, Host, Origin};
use toml::{Table, Value};

/// One of Cloudflare's patterns: `docs.example.com/*`, `*.example.com/*`, or only the host of a custom domain.
struct Route<'t> {
    pattern: &'t str,
    /// The host's name, or what follows the `*`.
    name: String,
    /// Whether the pattern begins with a `*`.
    any_before: bool,
    /// Whether it covers every path of the host, over HTTPS.
    whole: bool,
    /// Whether it is a custom domain, which has no server behind it.
    custom: bool,
    /// Whether every version also gets an address of its own.
    previews: bool,
}

impl<'t> Route<'t> {
    fn read(entry: &'t Value) -> Option<Self> {
        let pattern = entry.as_str().or_else(|| entry.get("pattern")?.as_str())?;
        let is = |name: &str| entry.get(name) == Some(&Value::Boolean(true));
        let (custom, previews) = (is("custom_domain"), is("previews_enabled"));
        let (scheme, rest) = pattern.split_once("://").map_or((None, pattern), |(scheme, rest)| (Some(scheme), rest));
        let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (host, open) =
            host.strip_suffix('*').filter(|host| !host.is_empty()).map_or((host, false), |host| (host, true));
        let any_before = host.starts_with('*');
        let name = host.trim_start_matches('*').to_ascii_lowercase();
        let whole = custom || scheme.is_none() && (open || path == "/*");
        Some(Self { pattern, name, any_before, whole, custom, previews })
    }

    /// Whether it leads here from `host`, or from a part of it. The settings write every name in ASCII: a name that
    /// is not cannot be compared, and is taken to be meant.
    fn meets(&self, host: &Host) -> bool {
        let name = host.name();
        name == self.name || !self.name.is_ascii() || self.any_before && name.ends_with(&self.name)
    }
}

/// Where routes and hosts do not meet: a route without a host, or a host without a route. Where a proxy asks
/// (`check`), only the gate's own path has to lead here.
pub(crate) fn warnings(table: &Table, config: &Config) -> Vec<String> {
    let hosts = &config.hosts;
    // As wrangler chooses: `routes` is taken before `route`, inherited or not.
    let list = table.get("routes").and_then(Value::as_array).map(Vec::as_slice);
    let one = table.get("route").map(std::slice::from_ref);
    let routes: Vec<Route<'_>> = list.or(one).unwrap_or_default().iter().filter_map(Route::read).collect();
    if routes.is_empty() {
        let nowhere = table.get("workers_dev") == Some(&Value::Boolean(false));
        let is_deployed = hosts.iter().any(|host| !host.is_loopback());
        let warning = "there are no routes, and workers_dev is false: the Worker has no address, unless routes are set in the dashboard";
        return (nowhere && is_deployed).then(|| warning.to_owned()).into_iter().collect();
    }
    let unserved = routes.iter().filter(|route| !hosts.iter().any(|host| route.meets(host))).map(|route| {
        let pattern = route.pattern;
        format!("the route {pattern:?} leads here, and hosts names no host of it: everybody is answered 421 there")
    });
    // Wrangler's own default beside routes is false.
    let is_dev = table.get("workers_dev") == Some(&Value::Boolean(true));
    let unreached = hosts.iter().filter(|host| !(is_dev && host.name().ends_with(".workers.dev"))).filter_map(|host| {
        let name = host.name();
        let written = host.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let mut meeting = routes.iter().filter(|route| route.meets(host)).peekable();
        if host.is_loopback() {
            Some(format!("hosts names {written:?}, this machine, beside routes: leave it out of what is deployed"))
        } else if meeting.peek().is_none() {
            Some(format!("hosts names {written:?}, and no route leads here from it: requests there do not come to the gate"))
        } else if config.check.is_none() && !meeting.any(|route| route.whole) {
            Some(format!("hosts names {written:?}, and no route covers all of it (\"{name}/*\", or a custom domain): what is beside its routes goes round the gate"))
        } else {
            None
        }
    });
    let previews = routes.iter().filter(|route| route.previews).map(|route| {
        format!("the custom domain {:?} has previews_enabled: every version gets an address of its own", route.pattern)
    });
    let of_itself = routes.iter().filter(|route| route.custom).filter_map(|route| {
        let fetched = match &config.origin {
            Origin::Zone => "zone",
            Origin::Address(address) if address.strip_prefix("https://") == Some(&route.name) => address,
            _ => return None,
        };
        let pattern = route.pattern;
        Some(format!(
            "origin.fetch is {fetched:?}, and behind the custom domain {pattern:?} there is no server but the gate"
        ))
    });
    unserved.chain(unreached).chain(previews).chain(of_itself).collect()
}
