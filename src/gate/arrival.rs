//! [`Arrival`]: a request that goes to the origin if a rule lets it pass.

use core::ops::ControlFlow::{self, Break, Continue};

use super::{Decision, Endpoint, Gate, Rejection, Visit, method::has_unpassable_method, visit::Address};
use crate::{
    config::{Origin, Site},
    edge::RequestHead,
    rules::{PathError, RequestPath},
    time::Timestamp,
};

/// A request that came through steps 1 to 5 of [`Gate::decide`]. Only [`Gate::arrive`] makes one.
pub(super) struct Arrival<'h, H> {
    head: &'h H,
    now: Timestamp,
    site: Site<'h>,
    address: Address<'h>,
    path: RequestPath<'h>,
}

impl Gate {
    /// Steps 1 to 5 of [`Gate::decide`], or the decision where one of them settles it.
    pub(super) fn arrive<'h, H: RequestHead>(
        &self,
        head: &'h H,
        now: Timestamp,
    ) -> ControlFlow<Decision, Arrival<'h, H>> {
        let Some(address) = Address::split(head.url()) else {
            return Break(Decision::Refuse(Rejection::host(""), Visit::nowhere()));
        };
        // 1. The host.
        let Some(site) = Site::find(&self.config.hosts, address.base) else {
            return Break(Decision::Refuse(Rejection::host(address.base), Visit::nowhere()));
        };
        let visit = || Visit::new(site, address);
        // 2. The path.
        let path = match RequestPath::parse(address.path) {
            Ok(path) => path,
            Err(error) => return Break(Decision::Refuse(Rejection::Path(error), visit())),
        };
        // 3. The scheme.
        if !site.is_secure() {
            let read = matches!(head.method(), "GET" | "HEAD");
            return Break(match read {
                true => Decision::Secure(visit()),
                false => Decision::Refuse(Rejection::Insecure, visit()),
            });
        }
        // 4. Our own, and the lock-down.
        let locked_down = self.switches.borrow().is_locked_down(now);
        if path.touches(&self.config.prefix) {
            let endpoint = path.is_plain().then(|| Endpoint::find(path.as_sent(), &self.config.prefix)).flatten();
            return Break(match endpoint {
                Some(endpoint) if locked_down && !endpoint.answers_locked_down() => {
                    Decision::Refuse(Rejection::LockedDown, visit())
                }
                Some(endpoint) => Decision::Own(endpoint, visit()),
                None => Decision::Refuse(Rejection::NotFound, visit()),
            });
        }
        if locked_down {
            return Break(Decision::Refuse(Rejection::LockedDown, visit()));
        }
        // 5. What reaches the origin. The address of an outgoing fetch is parsed once more on the way.
        if let (Origin::Address(origin), false) = (&self.config.origin, path.is_plain())
            && !survives_parsing(origin, path.as_sent())
        {
            return Break(Decision::Refuse(Rejection::Path(PathError::Rewritten), visit()));
        }
        if has_unpassable_method(head) {
            return Break(Decision::Refuse(Rejection::DoubtfulMethod, visit()));
        }
        Continue(Arrival { head, now, site, address, path })
    }
}

impl<'h, H> Arrival<'h, H> {
    pub(super) fn head(&self) -> &'h H {
        self.head
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The configured site that it came to.
    pub(super) fn site(&self) -> Site<'h> {
        self.site
    }

    pub(super) fn path(&self) -> &RequestPath<'h> {
        &self.path
    }

    /// Where it came to, for a decision other than to forward it at once.
    pub(super) fn visit(&self) -> Visit {
        Visit::new(self.site, self.address)
    }
}

/// Whether the platform's parser leaves this path as it is. It escapes `^`, as the URL Standard says; ours does not
/// yet.
fn survives_parsing(origin: &str, path: &str) -> bool {
    !path.contains('^') && url::Url::parse(&format!("{origin}{path}")).is_ok_and(|url| url.path() == path)
}

impl Visit {
    /// For a request whose host is not ours: nothing of it is repeated.
    fn nowhere() -> Self {
        let site = Site { address: "", host: "", development: false };
        Self::new(site, Address { base: "", path: "", query: None })
    }
}
