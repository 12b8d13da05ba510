//! Who may pass: claims and the facts of a request in, [`Granted`] or [`Denied`] out.
//!
//! A policy is judged on every request, on the claims the session carries; its verdict is never
//! stored. It knows nothing of requests and answers.

#[cfg(feature = "check")]
mod explanation;
mod network;
mod selector;
mod step_up;
#[cfg(test)]
mod tests;

use core::net::IpAddr;

#[cfg(feature = "check")]
pub use explanation::Verdict;
pub use network::{Network, address_of};
pub use selector::Selector;
use selector::Truth;
pub use step_up::StepUp;

use crate::{claims::Claims, time::Timestamp};

/// The facts about a request that a policy may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// When it came.
    pub now: Timestamp,
    /// Where it came from; `None` if that is not known, or not asked for.
    pub address: Option<IpAddr>,
    /// The country it came from, likewise.
    pub country: Option<&'f str>,
}

/// Who, of those signed in, may pass: nobody whom `deny` selects; only those whom every selector of `require`
/// selects; and, if there is an `allow`, only those of them whom one of its selectors selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    allow: Option<Vec<Selector>>,
    require: Vec<Selector>,
    deny: Vec<Selector>,
    asks_address: bool,
    asks_country: bool,
}

/// Somebody whom a policy admitted. Only [`Policy::grant`] makes one.
#[derive(Debug)]
pub struct Granted<W>(W);

/// The policy does not admit these claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What denied: `deny[0]`, `require[1]` or `allow`.
    pub by: String,
    /// What a new authentication would have to bring; `None` where it would not help.
    pub step_up: Option<StepUp>,
}

impl<W> Granted<W> {
    /// Who was admitted.
    pub fn who(self) -> W {
        self.0
    }
}

impl Policy {
    /// Admits everybody who is signed in.
    pub fn everyone() -> Self {
        Self::default()
    }

    /// The policy of these lists. Without `allow`, everybody may pass whom the other lists let pass; an empty `allow`
    /// admits nobody.
    pub fn new(allow: Option<Vec<Selector>>, require: Vec<Selector>, deny: Vec<Selector>) -> Self {
        let mut policy = Self { allow, require, deny, asks_address: false, asks_country: false };
        let (mut address, mut country) = (false, false);
        policy.walk(&mut |selector| {
            address |= matches!(selector, Selector::Ip(_));
            country |= matches!(selector, Selector::Country(_));
        });
        (policy.asks_address, policy.asks_country) = (address, country);
        policy
    }

    /// Whether it asks where a request came from.
    pub fn asks_address(&self) -> bool {
        self.asks_address
    }

    /// Whether it asks for the country a request came from.
    pub fn asks_country(&self) -> bool {
        self.asks_country
    }

    /// Calls `visit` for every selector.
    pub fn walk<'p>(&'p self, visit: &mut impl FnMut(&'p Selector)) {
        let lists = self.deny.iter().chain(&self.require).chain(self.allow.iter().flatten());
        lists.for_each(|selector| selector.walk(visit));
    }

    /// Admits somebody whose claims it lets pass.
    ///
    /// # Errors
    /// See [`Policy::judge`]; and who was not admitted.
    pub fn grant<W: AsRef<Claims>>(&self, who: W, facts: &Facts<'_>) -> Result<Granted<W>, (Denied, W)> {
        match self.judge(who.as_ref(), facts) {
            Ok(()) => Ok(Granted(who)),
            Err(denied) => Err((denied, who)),
        }
    }

    /// Judges the claims.
    ///
    /// # Errors
    /// [`Denied`], by the first list that denies.
    pub fn judge(&self, claims: &Claims, facts: &Facts<'_>) -> Result<(), Denied> {
        let Err((list, rank)) = self.decide(claims, facts, false) else { return Ok(()) };
        let by = rank.map_or_else(|| list.to_owned(), |rank| format!("{list}[{rank}]"));
        // Would authenticating anew help? Then what was missing says how.
        let step_up = self.decide(claims, facts, true).is_ok().then(|| self.ask(Some(claims), facts));
        Err(Denied { by, step_up: step_up.filter(|step_up| !step_up.is_nothing()) })
    }

    /// The policy that admits only those whom both admit.
    pub fn and(&self, other: &Self) -> Self {
        let both = |one: &[Selector], more: &[Selector]| [one, more].concat();
        let mut require = both(&self.require, &other.require);
        require.extend([&self.allow, &other.allow].into_iter().flatten().cloned().map(Selector::Any));
        Self::new(None, require, both(&self.deny, &other.deny))
    }

    /// What an authentication has to bring that `claims` lack; without a session, what everybody is asked for.
    pub fn ask(&self, claims: Option<&Claims>, facts: &Facts<'_>) -> StepUp {
        let mut step_up = StepUp::default();
        self.require.iter().for_each(|selector| selector.ask(claims, facts, &mut step_up));
        let allow = self.allow.as_deref().unwrap_or_default();
        let one_is_enough = |claims| Truth::any(allow, claims, facts, false) == Truth::Yes;
        if claims.is_some_and(|claims| !one_is_enough(claims)) {
            allow.iter().for_each(|selector| selector.ask(claims, facts, &mut step_up));
        }
        step_up
    }

    /// The list that denies, and the selector in it.
    fn decide(
        &self,
        claims: &Claims,
        facts: &Facts<'_>,
        stepped_up: bool,
    ) -> Result<(), (&'static str, Option<usize>)> {
        // Only a clear no keeps `deny` from denying, and only a clear yes makes the other lists admit.
        let denied = self.deny.iter().position(|one| one.selects(claims, facts, false) != Truth::No);
        if denied.is_some() {
            return Err(("deny", denied));
        }
        let lacking = self.require.iter().position(|one| one.selects(claims, facts, stepped_up) != Truth::Yes);
        if lacking.is_some() {
            return Err(("require", lacking));
        }
        match &self.allow {
            Some(allow) if Truth::any(allow, claims, facts, stepped_up) != Truth::Yes => Err(("allow", None)),
            _ => Ok(()),
        }
    }
}
