//! [`Rule`]: one configured rule, as people write it and as it is judged.

use std::rc::Rc;

use serde_json::Value;

use super::{AcceptedTokens, ConfigError, Host, Origin, settings::ShortName, tokens::Tokens};
use crate::{
    json::{self, JsonError, Table},
    policy::{Policy, Selector},
    rules::{HostPattern, Pattern, Rules, Scope},
};

/// What a matching rule asks for.
#[derive(Clone, Debug)]
pub enum Access {
    /// `sso = false`: everybody passes, and identity is not looked at.
    Public,
    /// `sso = "optional"`: everybody passes, with an identity where there is one.
    Optional,
    /// Sign-in, and then the policy.
    SignedIn(Policy),
}

/// One rule: its place in the settings is its rank.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in the log: its id, or its place and path in the settings.
    pub name: String,
    /// Its id, for whoever refers to it at run time.
    pub id: Option<String>,
    /// What it asks for.
    pub access: Access,
    /// The machine tokens that it takes; without any, `Authorization` is the origin's.
    pub tokens: Option<Rc<AcceptedTokens>>,
    /// Other origins whose pages may act here with a visitor's cookie, and may read what the gate answers to them.
    pub origins: Vec<String>,
    /// Whether CORS preflights pass without identity.
    pub preflight: bool,
}

#[derive(Debug)]
pub(super) struct RuleSettings {
    /// For the log and for commands.
    id: Option<ShortName>,
    host: Option<String>,
    path: String,
    methods: Option<Vec<String>>,
    sso: Sso,
    allow: Option<Vec<Selector>>,
    require: Option<Vec<Selector>>,
    deny: Option<Vec<Selector>>,
    tokens: Option<Vec<String>>,
    forward_token: bool,
    mode: Mode,
    origins: Vec<String>,
    preflight: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sso {
    #[default]
    On,
    Off,
    Optional,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Enforce,
    Report,
}

/// The configured rules, ready to be matched, with the check's warnings about them.
#[derive(Debug, Default)]
pub(super) struct RuleBook {
    pub(super) matcher: Rules,
    pub(super) rules: Vec<Rule>,
    pub(super) warnings: Vec<String>,
}

impl RuleBook {
    pub(super) fn parse(
        settings: Vec<RuleSettings>,
        tokens: &Tokens,
        hosts: &[Host],
        origin: &Origin,
        prefix: &str,
    ) -> Result<Self, ConfigError> {
        let mut book = Self::default();
        let mut guarded = None;
        for (rank, rule) in settings.into_iter().enumerate() {
            let setting = format!("rules[{rank}]");
            let pattern = Pattern::parse(&rule.path)
                .map_err(|error| ConfigError::new(format!("{setting}.path"), error.to_string()))?;
            if pattern.is_under(prefix) {
                return Err(ConfigError::new(
                    format!("{setting}.path"),
                    format!(
                        "{:?} lies under {prefix}, which the gate answers itself: the rule can never match",
                        rule.path
                    ),
                ));
            }
            let scope = rule.scope(&setting, hosts)?;
            if let Some(earlier) = book.matcher.covering(&scope, &pattern, rule.sso == Sso::On) {
                let earlier = book.rules.get(earlier).map_or("", |rule: &Rule| rule.name.as_str());
                return Err(ConfigError::new(
                    setting,
                    format!(
                        "{:?} can never match: the earlier rule {earlier} matches all of it, itself or where its pages are served",
                        rule.path
                    ),
                ));
            }
            let watches = rule.mode == Mode::Report;
            let name = rule.id.as_ref().map_or_else(|| format!("{setting} {}", rule.path), |id| id.0.clone());
            if book.rules.iter().any(|earlier| earlier.id.is_some() && earlier.name == name) {
                return Err(ConfigError::new(format!("{setting}.id"), format!("{name:?} is used twice")));
            }
            let access = rule.access(&setting)?;
            let tokens = tokens.taken(&setting, rule.tokens.as_deref(), rule.forward_token)?;
            let guards = !matches!(access, Access::Public);
            if guards {
                if !watches {
                    guarded.get_or_insert_with(|| name.clone());
                }
            } else if let (Some(guarded), true) = (&guarded, pattern.is_everything()) {
                book.warnings.push(format!(
                    "{name} makes public whatever no earlier rule names, and so every spelling and every address next to those that {guarded} guards: name what is public, and leave the rest to sign-in"
                ));
            }
            // Aliases widen a rule. That is safe where it asks for sign-in; a rule that lets everybody in would open
            // more than it names.
            let has_pages = matches!((&access, origin), (Access::SignedIn(_), Origin::Assets(_)));
            let aliases = if has_pages { pattern.page_aliases() } else { Vec::new() };
            book.matcher.push(scope, pattern, aliases, watches);
            book.rules.push(Rule {
                name,
                id: rule.id.map(|id| id.0),
                access,
                tokens,
                origins: rule.origins,
                preflight: rule.preflight,
            });
        }
        Ok(book)
    }
}

impl Sso {
    fn read(value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Bool(true) => Ok(Self::On),
            Value::Bool(false) => Ok(Self::Off),
            Value::String(text) if text == "optional" => Ok(Self::Optional),
            other => Err(JsonError::new(format!("{} is none of true, false and \"optional\"", json::write(&other)))),
        }
    }
}

impl Mode {
    fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(value, &[("enforce", Self::Enforce), ("report", Self::Report)])
    }
}

fn selectors(value: Value) -> Result<Vec<Selector>, JsonError> {
    json::list_of(value, |one| Selector::parse(&one).map_err(JsonError::new))
}

impl RuleSettings {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only(
            "id host path methods sso allow require deny tokens forward_token mode origins preflight",
            value,
        )?;
        Ok(Self {
            id: table.optional("id", ShortName::read)?,
            host: table.optional("host", json::text)?,
            path: table.required("path", json::text)?,
            methods: table.optional("methods", json::texts)?,
            sso: table.given("sso", Sso::read)?.unwrap_or_default(),
            allow: table.optional("allow", selectors)?,
            require: table.optional("require", selectors)?,
            deny: table.optional("deny", selectors)?,
            tokens: table.optional("tokens", json::texts)?,
            forward_token: table.given("forward_token", json::flag)?.unwrap_or_default(),
            mode: table.given("mode", Mode::read)?.unwrap_or_default(),
            origins: table.given("origins", json::texts)?.unwrap_or_default(),
            preflight: table.given("preflight", json::flag)?.unwrap_or_default(),
        })
    }

    /// Every selector of the rule.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &Selector> {
        [&self.allow, &self.require, &self.deny].into_iter().flatten().flatten()
    }

    fn scope(&self, setting: &str, hosts: &[Host]) -> Result<Scope, ConfigError> {
        let refuse = |name: &str, problem: String| Err(ConfigError::new(format!("{setting}.{name}"), problem));
        let host = match self.host.as_deref().map(HostPattern::parse) {
            None => None,
            Some(Err(problem)) => return refuse("host", problem),
            Some(Ok(pattern)) if hosts.iter().any(|host| pattern.matches(host.name())) => Some(pattern),
            Some(Ok(_)) => return refuse("host", "is none of hosts: the rule can never match".to_owned()),
        };
        let methods = self.methods.clone().unwrap_or_default();
        let odd = |method: &String| {
            method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        };
        if let Some(method) = methods.iter().find(|method| odd(method)) {
            return refuse("methods", format!("{method:?} is not a method: write it in capitals, as in \"GET\""));
        }
        Ok(Scope::new(host, methods))
    }

    fn access(&self, setting: &str) -> Result<Access, ConfigError> {
        let refuse = |name: &str, problem: &str| Err(ConfigError::new(format!("{setting}.{name}"), problem));
        let lists = [("allow", &self.allow), ("require", &self.require), ("deny", &self.deny)];
        for (name, list) in lists {
            match (list, self.sso) {
                (Some(_), Sso::Off) => {
                    return refuse(name, "stands beside sso = false, which lets everybody in: remove one of them");
                }
                (Some(_), Sso::Optional) => {
                    return refuse(
                        name,
                        "stands beside sso = \"optional\", which lets everybody in: remove one of them",
                    );
                }
                _ => {}
            }
        }
        if self.tokens.is_some() && self.sso != Sso::On {
            return refuse("tokens", "stands beside an sso that lets everybody in: remove one of them");
        }
        for (name, list) in lists {
            let turns_round = if name == "deny" { asks_for_an_age } else { negates_an_age };
            if list.iter().flatten().any(turns_round) {
                return refuse(
                    name,
                    "turns max_age round, which nobody could mend by signing in: write it under require, in no none",
                );
            }
        }
        if self.mode == Mode::Report {
            if lists.iter().all(|(_, list)| list.is_none()) {
                return refuse("mode", "is \"report\", yet there is nothing to report: write allow, require or deny");
            }
            if self.preflight || !self.origins.is_empty() || self.tokens.is_some() {
                return refuse(
                    "mode",
                    "is \"report\": such a rule decides nothing, so it takes neither preflight, origins nor tokens",
                );
            }
        }
        for (rank, origin) in self.origins.iter().enumerate() {
            super::settings::origin_address(origin)
                .ok()
                .filter(|address| address == origin)
                .ok_or_else(|| ConfigError::new(
                    format!("{setting}.origins[{rank}]"),
                    format!("{origin:?} is not an origin as a browser writes it: scheme and host, as in \"https://app.example.com\""),
                ))?;
        }
        Ok(match self.sso {
            Sso::Off => Access::Public,
            Sso::Optional => Access::Optional,
            Sso::On => Access::SignedIn(Policy::new(
                self.allow.clone(),
                self.require.clone().unwrap_or_default(),
                self.deny.clone().unwrap_or_default(),
            )),
        })
    }
}

fn asks_for_an_age(selector: &Selector) -> bool {
    let mut found = false;
    selector.walk(&mut |one| found |= matches!(one, Selector::MaxAge(_)));
    found
}

fn negates_an_age(selector: &Selector) -> bool {
    let mut found = false;
    selector.walk(&mut |one| found |= matches!(one, Selector::None(inner) if inner.iter().any(asks_for_an_age)));
    found
}
