//! What every answer is looked at for.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    gate::{Answer, Cacheable, Forward},
    session::CookieEdit,
};

use url::Url;

use super::{
    Tab,
    model::{Deployed, Login, MOVED, OTHER, PAGES, SECRETS, SESSION, Switched, Verdict, WORK},
    walk::{Checked, PEOPLE, Walk},
};
use crate::support::{browser::next, world::HOST};

/// A request as it was sent.
pub(super) struct Sent<'s> {
    pub(super) url: &'s str,
    pub(super) navigation: bool,
    pub(super) deployed: Deployed,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) before: i64,
}

impl Walk {
    pub(super) fn cookies(&self, browser: usize) -> BTreeMap<String, String> {
        let browser = &self.browsers[browser];
        browser.cookie_names().into_iter().map(|name| (name.clone(), browser.cookie(&name).unwrap())).collect()
    }

    fn check_verdict(&mut self, sent: &Sent<'_>, met: &Verdict) -> Checked<()> {
        let path = sent.url.strip_prefix(HOST).unwrap();
        let page = PAGES.iter().position(|page| *page == path).ok_or("another page than any that was asked for")?;
        let verdicts: Vec<Verdict> = [sent.before, self.world.now_seconds()]
            .iter()
            .flat_map(|now| self.model.verdicts(&sent.deployed, page, sent.cookies.get(SESSION), *now))
            .collect();
        self.model.note_known(&sent.deployed, sent.before);
        if verdicts.contains(met) { Ok(()) } else { Err(format!("{met:?}, and not {verdicts:?}")) }
    }

    pub(super) fn check_forward(&mut self, sent: &Sent<'_>, forward: &Forward) -> Checked<()> {
        if forward.cookies == CookieEdit::Keep && !sent.cookies.is_empty() {
            return Err("the origin gets the gate's cookies".to_owned());
        }
        let identity = forward.identity();
        let value = |name: &str| {
            let found = identity.iter().find(|(header, _)| *header == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let met = match Some(value("x-auth-subject")).filter(|person| !person.is_empty()) {
            Some(person) => {
                if value("x-auth-email") != format!("{person}@example.com") || value("x-auth-name") != person {
                    return Err(format!("two people: {identity:?}"));
                }
                let groups = ["admins", "staff", ""].into_iter().find(|group| *group == value("x-auth-groups"));
                Verdict::Person(person, value("x-auth-provider"), groups.ok_or("other groups")?)
            }
            None if !identity.is_empty() => return Err(format!("somebody without a subject: {identity:?}")),
            None if forward.cacheable() == Cacheable::AsTheOriginSays => Verdict::Anyone,
            None => Verdict::Nobody,
        };
        self.check_verdict(sent, &met)
    }

    pub(super) fn check_answer(&mut self, sent: &Sent<'_>, tab: Tab, answer: &Answer, calls: &[String]) -> Checked<()> {
        let mut persons: Vec<String> = Vec::new();
        persons.extend(
            sent.cookies.get(SESSION).and_then(|value| self.model.sessions.get(value)).map(|s| s.person.clone()),
        );
        persons.extend(query(sent.url, "code").and_then(|code| self.model.grants.get(&code)).map(|g| g.person.clone()));
        let shown = format!("{} {}", answer.header("location").unwrap_or_default(), answer.body);
        for person in PEOPLE.iter().filter(|person| !persons.iter().any(|known| known == *person)) {
            if shown.contains(&format!("{person}@example.com")) {
                return Err(format!("{person} is named"));
            }
        }
        if let Some(secret) =
            ["client-secret", "access-token", "code-"].iter().chain(&SECRETS).find(|secret| shown.contains(*secret))
        {
            return Err(format!("{secret} in an answer"));
        }
        let to = next(answer);
        let is_known = |to: &String| [HOST, WORK, OTHER, MOVED].iter().any(|site| to.starts_with(&format!("{site}/")));
        if to.as_ref().is_some_and(|to| !is_known(to)) {
            return Err(format!("leads to {to:?}"));
        }
        let hint = to.as_ref().and_then(|to| query(to, "id_token_hint"));
        let person = self.model.session(&sent.deployed, sent.cookies.get(SESSION), self.world.now_seconds());
        let person = person.map(|session| session.person.clone());
        if hint.zip(person).is_some_and(|(hint, person)| !claims_of(&hint).contains(&format!("\"sub\":\"{person}\""))) {
            return Err("signed out with the ID token of somebody else".to_owned());
        }
        let path = sent.url.strip_prefix(HOST).unwrap();
        if path.starts_with("/.auth/callback") {
            self.check_callback(sent, tab, answer, calls)?;
        } else if calls.iter().any(|call| call.starts_with("POST")) || self.session_begun(sent, tab).is_some() {
            return Err("a session or an exchange without a callback".to_owned());
        }
        if let Some(to) = to.filter(|to| !to.starts_with(HOST) && query(to, "state").is_some()) {
            let page = match query(sent.url, "return_to") {
                Some(page) => page.strip_prefix(HOST).unwrap_or(&page).to_owned(),
                None => {
                    query(sent.url, "state").map(|state| self.model.logins[&state].page.clone()).ok_or("no page")?
                }
            };
            self.note_login(sent, answer, &to, page)?;
        }
        if path.starts_with("/.auth/") {
            return Ok(());
        }
        let met = match answer.status {
            302 if sent.navigation => Verdict::SignIn,
            401 if !sent.navigation => Verdict::SignIn,
            403 => Verdict::Denied,
            503 => Verdict::Closed,
            _ => return Err(format!("met {}", said(answer))),
        };
        self.check_verdict(sent, &met)
    }

    /// A code is exchanged for the browser that began this very login, and once; what comes of it is a session of
    /// whoever signed in for it, at the page that the login was for. A login that is lost starts over once.
    fn check_callback(&mut self, sent: &Sent<'_>, tab: Tab, answer: &Answer, calls: &[String]) -> Checked<()> {
        let now = self.world.now_seconds();
        let (state, code) = (query(sent.url, "state").unwrap_or_default(), query(sent.url, "code").unwrap_or_default());
        let pending = self.model.is_pending(&sent.deployed, &state, &sent.cookies, now);
        let grant = self.model.grants.get(&code).filter(|grant| grant.state == state);
        let (is_for_it, is_unspent) = (grant.is_some(), grant.is_some_and(|grant| !grant.spent));
        let exchanges: Vec<&String> = calls.iter().filter(|call| call.starts_with("POST")).collect();
        let Some(login) = self.model.logins.get_mut(&state) else { return Err("a state of nobody's".to_owned()) };
        let is_known = !login.exchanged.is_empty();
        if !exchanges.is_empty() {
            if pending == Some(false) {
                return Err("a code is exchanged for a browser that did not begin the login".to_owned());
            }
            let endpoint = format!("POST {}/token", login.issuer);
            if exchanges != [&endpoint] || !login.exchanged.insert(sent.deployed.number) {
                return Err(format!("exchanged again, or elsewhere: {exchanges:?}"));
            }
        }
        if let Some(grant) = self.model.grants.get_mut(&code).filter(|_| !exchanges.is_empty()) {
            grant.spent = true;
        }
        let to = next(answer);
        if to.as_ref().is_some_and(|to| to.starts_with(HOST) && to.strip_prefix(HOST) != Some(&login.page)) {
            return Err(format!("back to {to:?}, and not to {}", login.page));
        }
        let is_asked_again = to.as_ref().is_some_and(|to| !to.starts_with(HOST));
        if is_asked_again && (login.restarted || query(sent.url, "error").is_some()) {
            return Err("starts over a second time, or after a refusal".to_owned());
        }
        let login = login.clone();
        if let Some(cookie) = self.session_begun(sent, tab) {
            if exchanges.is_empty() || !is_for_it {
                return Err("a session without a sign-in for this login".to_owned());
            }
            if self.browsers[tab.browser].cookie(&login.cookie.0) == Some(login.cookie.1) {
                return Err("a session, and the login is still pending".to_owned());
            }
            self.model.begin(&sent.deployed, cookie, &state, &code, now);
            return Ok(());
        }
        if to.is_some_and(|to| to.starts_with(HOST)) {
            let session =
                self.model.session(&sent.deployed, sent.cookies.get(SESSION), sent.before).ok_or("back as nobody")?;
            let wants_more = login.wants_more || session.provider != login.provider;
            if wants_more && session.begun < login.started {
                return Err("back as before, and not as was asked for".to_owned());
            }
        }
        let is_calm = !self.in_trouble && now - self.trouble > 300;
        let is_open = !self.model.switches(&sent.deployed, now).contains(&Switched::LockedDown);
        let names_issuer = query(sent.url, "iss").is_some();
        if is_calm && is_open && names_issuer && !is_known && pending == Some(true) && is_unspent {
            return Err(format!("no session: {}", said(answer)));
        }
        Ok(())
    }

    /// The session that this answer gave the browser.
    fn session_begun(&self, sent: &Sent<'_>, tab: Tab) -> Option<String> {
        let session = self.browsers[tab.browser].cookie(SESSION);
        session.filter(|session| sent.cookies.get(SESSION) != Some(session))
    }

    fn note_login(&mut self, sent: &Sent<'_>, answer: &Answer, to: &str, page: String) -> Checked<()> {
        let lines = answer.headers.iter().filter(|(name, _)| *name == "set-cookie").map(|(_, line)| line.as_str());
        let cookie = lines
            .filter_map(|line| line.split_once(';')?.0.split_once('='))
            .find(|(name, value)| name.contains("-login-") && !value.is_empty())
            .ok_or("a login without a cookie")?;
        let issuer = [WORK, OTHER, MOVED].into_iter().find(|issuer| to.starts_with(issuer)).ok_or("no provider")?;
        let provider = ["work", "other"].into_iter().find(|id| sent.deployed.settings.issuer(id) == Some(issuer));
        let login = Login {
            cookie: (cookie.0.to_owned(), cookie.1.to_owned()),
            provider: provider.ok_or("a provider that the settings do not have")?.to_owned(),
            issuer: issuer.to_owned(),
            secret: sent.deployed.secret,
            started: self.world.now_seconds(),
            restarted: query(sent.url, "state").is_some(),
            wants_more: query(to, "prompt").is_some() || query(to, "max_age").is_some(),
            page,
            exchanged: BTreeSet::new(),
        };
        self.model.logins.insert(query(to, "state").ok_or("no state")?, login);
        Ok(())
    }
}

/// What an ID token says.
fn claims_of(token: &str) -> String {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    String::from_utf8(payload.unwrap_or_default()).unwrap_or_default()
}

/// A page that leads on with a click: the chooser, taken one way or the other.
pub(super) fn chosen(answer: &Answer, turn: usize) -> Option<String> {
    let links = answer.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let choices: Vec<&str> = links.filter(|link| answer.status == 200 && link.contains("provider=")).collect();
    (!choices.is_empty()).then(|| format!("{HOST}{}", choices[turn % choices.len()].replace("&amp;", "&")))
}

/// The sign-in that a page leads on to.
pub(super) fn link(answer: &Answer) -> Option<String> {
    let links = answer.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut logins = links.filter(|link| link.starts_with("/.auth/login"));
    logins.next().map(|link| format!("{HOST}{}", link.replace("&amp;", "&")))
}

/// What a page says.
pub(super) fn said(answer: &Answer) -> String {
    let body = answer.body.split("<h1").nth(1).unwrap_or(&answer.body);
    format!("{} {}", answer.status, body.get(..300).unwrap_or(body))
}

pub(super) fn from_the_last(list: &[String], number: usize) -> Option<String> {
    list.iter().rev().cycle().nth(number).cloned()
}

/// A value in an address's query.
pub(super) fn query(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
