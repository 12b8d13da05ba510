//! [`Walk`]: takes steps through the World, and looks at every answer on the way.

use super::{
    Health, KvHealth, Step, Tab,
    model::{Deployed, Grant, MOVED, Model, OTHER, PAGES, Settings, Switched, WORK},
    watch::{Sent, chosen, from_the_last, link, query, said},
};
use crate::support::{
    browser::{Browser, next},
    provider::Authorization,
    world::{HOST, Head, Isolate, Reading, World},
};
use portcullis::gate::{Answer, Outcome};

pub(super) const PEOPLE: [&str; 2] = ["ada", "bob"];
/// The most requests that opening a page takes, with whatever goes wrong on the way. Of a good login they are five: the
/// page, the login, the choice of a provider, the callback, and the page.
const REQUESTS: usize = 8;

pub(super) type Checked<T> = Result<T, String>;

pub(super) struct Walk {
    pub(super) world: World,
    pub(super) model: Model,
    pub(super) browsers: [Browser; 2],
    /// Whose browser does not keep sessions.
    pub(super) forgets: [bool; 2],
    pub(super) isolates: Vec<(Isolate, Deployed)>,
    pub(super) deployments: usize,
    pub(super) secret: usize,
    /// When a provider, a deployment or KV was last in trouble.
    pub(super) trouble: i64,
    pub(super) in_trouble: bool,
    pub(super) kv: Reading,
    pub(super) keys: usize,
    /// What pages that explain lead on to.
    ways_on: Vec<(Tab, String)>,
    /// Questions at providers that nobody answered yet, with the page they are for; and answers.
    left: Vec<String>,
    answers: Vec<String>,
}

/// Where somebody ended up.
enum End {
    Origin(String),
    Page(String, Answer),
    Provider(String),
    /// Nowhere, between two isolates with different settings.
    Tired,
}

impl Walk {
    pub(super) fn new() -> Self {
        let world = World::new();
        world.add_provider(OTHER);
        world.add_provider(MOVED);
        let mut walk = Self {
            browsers: PEOPLE.map(Browser::new),
            forgets: [false; 2],
            isolates: Vec::new(),
            deployments: 0,
            secret: 0,
            trouble: 0,
            in_trouble: false,
            kv: Reading::Works,
            keys: 1,
            ways_on: Vec::new(),
            left: Vec::new(),
            answers: Vec::new(),
            model: Model::default(),
            world,
        };
        walk.isolates = [0, 1].map(|_| walk.deployed(Settings::Plain, 0, None)).to_vec();
        walk
    }

    /// One step, and whatever it makes the gate answer.
    pub(super) fn take(&mut self, step: &Step) -> Checked<()> {
        match step {
            Step::Open(tab, page) => self.open(*tab, PAGES[*page], None),
            Step::Ask(tab, page) => self.send(*tab, 0, &format!("{HOST}{}", PAGES[*page]), false).map(drop),
            Step::Leave(tab, page) => match self.follow(*tab, &format!("{HOST}{}", PAGES[*page]), true)? {
                End::Provider(url) => {
                    self.left.push(url);
                    Ok(())
                }
                end => expect(end, Some(PAGES[*page])),
            },
            Step::TakeUp(tab, left) => self.take_up(*tab, *left, &Authorization::Code),
            Step::Decline(tab, left) => self.take_up(*tab, *left, &Authorization::Error("access_denied")),
            Step::Hold(tab, left) => {
                from_the_last(&self.left, *left).iter().for_each(|url| drop(self.sign_in(*tab, url)));
                Ok(())
            }
            Step::Replay(tab, answer) => match from_the_last(&self.answers, *answer) {
                Some(url) => self.open(*tab, &url, None),
                None => Ok(()),
            },
            Step::Splice(tab, left, answer) => {
                let Some(url) = from_the_last(&self.left, *left) else { return Ok(()) };
                let codes = self.unspent(&url);
                let (back, code) = (self.sign_in(*tab, &url), from_the_last(&codes, *answer));
                let (Some(own), Some(code)) = (query(&back, "code"), code) else { return Ok(()) };
                self.open(*tab, &back.replace(&own, &code), None)
            }
            Step::Change(tab, page) => {
                let page = PAGES[*page];
                let to: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
                self.open(*tab, &format!("/.auth/login?return_to={to}&prompt=select_account"), Some(page))
            }
            Step::LogOut(tab) => self.log_out(*tab, HOST),
            Step::ForeignLogOut(tab) => self.log_out(*tab, "https://evil.example"),
            around => {
                self.happen(around);
                Ok(())
            }
        }
    }

    /// The codes that the provider of this question gave out, and nobody has shown it yet.
    fn unspent(&self, url: &str) -> Vec<String> {
        let issuer = [WORK, OTHER, MOVED].into_iter().find(|issuer| url.starts_with(issuer));
        let answers = self.answers.iter().filter(|answer| query(answer, "iss").as_deref() == issuer);
        let codes = answers.filter_map(|answer| query(answer, "code"));
        codes.filter(|code| !self.model.grants[code].spent).collect()
    }

    /// Opens an address, ends at `page` or at a page that explains.
    fn open(&mut self, tab: Tab, address: &str, page: Option<&str>) -> Checked<()> {
        let is_page = PAGES.contains(&address);
        let url = if address.starts_with('/') { format!("{HOST}{address}") } else { address.to_owned() };
        let end = self.follow(tab, &url, false)?;
        expect(end, if is_page { Some(address) } else { page })
    }

    fn take_up(&mut self, tab: Tab, left: usize, authorization: &Authorization) -> Checked<()> {
        let Some(url) = from_the_last(&self.left, left) else { return Ok(()) };
        let page = self.model.logins[&query(&url, "state").unwrap()].page.clone();
        let declines = matches!(authorization, Authorization::Error(_));
        self.providers(|provider| provider.authorization = authorization.clone());
        let back = self.sign_in(tab, &url);
        if declines {
            // Whoever declined says so again when asked again.
            let end = self.follow(tab, &back, false);
            self.providers(|provider| provider.authorization = Authorization::Code);
            return expect(end?, Some(&page));
        }
        expect(self.follow(tab, &back, false)?, Some(&page))
    }

    /// Sends the form that signs out, from a page of this site.
    fn log_out(&mut self, tab: Tab, from: &str) -> Checked<()> {
        let before = self.browsers[tab.browser].cookie_names();
        let head = Head::new("POST", "/.auth/logout?provider").with("origin", from);
        self.send_head(tab, 0, head, false)?;
        let after = self.browsers[tab.browser].cookie_names();
        match from == HOST {
            true if !after.is_empty() => Err(format!("signed out, and left: {after:?}")),
            false if after != before => Err("signed out by another site".to_owned()),
            _ => Ok(()),
        }
    }

    /// Everything is well again, for a quarter of an hour: now everybody gets where they want to, whatever is in their
    /// browser.
    pub(super) fn settle(&mut self) -> Checked<()> {
        self.make_provider(Health::Well);
        self.make_kv(KvHealth::Well);
        self.forgets = [false; 2];
        self.switch(Switched::Nothing);
        let secret = self.secret;
        self.replace(None, |deployed| {
            *deployed = Deployed { settings: Settings::Plain, secret, previous: None, ..*deployed };
        });
        self.world.pass(900);
        for (tab, way) in std::mem::take(&mut self.ways_on).into_iter().rev().take(3) {
            let page = query(&way, "return_to").ok_or("a way on to no page")?;
            match self.follow(Tab { alternates: false, ..tab }, &way, false)? {
                End::Origin(url) if url.strip_prefix(HOST) == Some(&page) => {}
                End::Page(_, answer) if answer.status == 403 => {}
                _ => return Err(format!("{way} does not lead on")),
            }
            self.world.pass(61);
        }
        for (browser, isolate) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
            for page in PAGES {
                let tab = Tab { browser, isolate, alternates: false };
                match self.follow(tab, &format!("{HOST}{page}"), false)? {
                    End::Origin(url) if url.strip_prefix(HOST) == Some(page) => {}
                    // Who may not go in is told so; whether that is right was looked at already.
                    End::Page(url, answer) if answer.status == 403 && url.strip_prefix(HOST) == Some(page) => {}
                    End::Page(url, answer) => return Err(format!("{page} ends at {url}: {}", said(&answer))),
                    End::Origin(url) | End::Provider(url) => return Err(format!("{page} ends at {url}")),
                    End::Tired => return Err(format!("{page} does not end")),
                }
            }
        }
        Ok(())
    }

    /// The person in front of this browser signs in: where the provider's answer leads.
    fn sign_in(&mut self, tab: Tab, url: &str) -> String {
        let person = self.browsers[tab.browser].person.clone();
        let back = self.world.authorize(url, &person).expect("a provider");
        let heeds = self.world.provider(|provider| provider.heeds_max_age);
        let anew = query(url, "prompt").is_some() || heeds && query(url, "max_age").is_some();
        if let Some(code) = query(&back, "code") {
            let grant =
                Grant { person, state: query(url, "state").unwrap(), spent: false, age: if anew { 1 } else { 5_000 } };
            self.model.grants.insert(code, grant);
            self.answers.push(back.clone());
        }
        back
    }

    /// Follows an address as a person does who answers every question.
    fn follow(&mut self, tab: Tab, url: &str, stops: bool) -> Checked<End> {
        let mut url = url.to_owned();
        let mut requests = 0;
        while requests < REQUESTS {
            if !url.starts_with(HOST) {
                if stops {
                    return Ok(End::Provider(url));
                }
                url = self.sign_in(tab, &url);
                continue;
            }
            requests += 1;
            match self.send(tab, requests, &url, true)? {
                Outcome::Forward(_) => return Ok(End::Origin(url)),
                Outcome::Answer(answer) => match next(&answer).or_else(|| chosen(&answer, self.model.logins.len())) {
                    Some(to) => url = to,
                    None => {
                        self.ways_on.extend(link(&answer).map(|way| (tab, way)));
                        return Ok(End::Page(url, answer));
                    }
                },
            }
        }
        // Two isolates of which each refuses the other's sessions end it sooner or later, as the platform chooses between
        // them; in strict turns, they may not.
        let disagree = !self.isolates[0].1.agrees(&self.isolates[1].1);
        if tab.alternates && disagree { Ok(End::Tired) } else { Err(format!("{requests} requests, and on to {url}")) }
    }

    fn send(&mut self, tab: Tab, turn: usize, url: &str, navigation: bool) -> Checked<Outcome> {
        let head = if navigation { Head::navigation(url) } else { Head::new("GET", url.strip_prefix(HOST).unwrap()) };
        self.send_head(tab, turn, head, navigation)
    }

    fn send_head(&mut self, tab: Tab, turn: usize, head: Head, navigation: bool) -> Checked<Outcome> {
        let (isolate, deployed) =
            self.isolates[if tab.alternates { (tab.isolate + turn) % 2 } else { tab.isolate }].clone();
        let before = self.world.now_seconds();
        if self.kv != Reading::Works {
            self.model.unreadable = Some(before);
        }
        let cookies = self.cookies(tab.browser);
        let url = head.url.clone();
        let sent = Sent { url: &url, navigation, deployed, cookies, before };
        self.world.take_calls();
        let outcome = self.browsers[tab.browser].send(&isolate, head);
        self.world.run_background();
        let calls = self.world.take_calls();
        let checked = match &outcome {
            Outcome::Forward(forward) => self.check_forward(&sent, forward),
            Outcome::Answer(answer) => self.check_answer(&sent, tab, answer, &calls),
        };
        checked.map_err(|why| format!("{url} by {}, in {deployed:?}: {why}", PEOPLE[tab.browser]))?;
        self.forget(tab.browser);
        Ok(outcome)
    }
}

/// Somebody has to end at the page asked for, or at one that says why not.
fn expect(end: End, page: Option<&str>) -> Checked<()> {
    match end {
        End::Tired => Ok(()),
        End::Origin(url) if page.is_none_or(|page| url.strip_prefix(HOST) == Some(page)) => Ok(()),
        End::Page(_, answer) if answer.status >= 400 && answer.body.contains("<h1") => Ok(()),
        End::Origin(url) => Err(format!("at {url}, and not at {page:?}")),
        End::Page(url, answer) => Err(format!("at a page that explains nothing: {url} {}", said(&answer))),
        End::Provider(url) => Err(format!("left at {url}")),
    }
}
