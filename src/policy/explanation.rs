//! [`Verdict`]: what each selector of a policy says, for the command that explains a decision. None of it is in the
//! Worker.

use super::{Facts, Policy, Selector, selector::Truth};
use crate::claims::Claims;

/// What a selector says about a person and a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it selects; `None` where that cannot be known, which admits nobody.
    pub selects: Option<bool>,
    /// Whether it does not select now, but would if the person authenticated in the way it asks for.
    pub mendable: bool,
    /// What the selectors within it say, in their order.
    pub within: Vec<Self>,
}

impl Policy {
    /// What every selector says, by list, in the order in which the lists are looked at.
    pub fn verdicts(&self, claims: &Claims, facts: &Facts<'_>) -> Vec<(&'static str, Vec<Verdict>)> {
        let lists = [("deny", Some(&self.deny)), ("require", Some(&self.require)), ("allow", self.allow.as_ref())];
        let said = |list: &Vec<Selector>| list.iter().map(|one| one.verdict(claims, facts)).collect();
        lists.into_iter().filter_map(|(name, list)| Some((name, said(list?)))).collect()
    }
}

impl Selector {
    fn verdict(&self, claims: &Claims, facts: &Facts<'_>) -> Verdict {
        let truth = |stepped_up| self.selects(claims, facts, stepped_up);
        let within = match self {
            Self::Any(inner) | Self::All(inner) | Self::None(inner) => {
                inner.iter().map(|one| one.verdict(claims, facts)).collect()
            }
            _ => Vec::new(),
        };
        let selects = match truth(false) {
            Truth::Yes => Some(true),
            Truth::No => Some(false),
            Truth::Unknown => None,
        };
        Verdict { selects, mendable: selects != Some(true) && truth(true) == Truth::Yes, within }
    }
}
