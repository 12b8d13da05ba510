//! [`Browser`]: cookies, tabs and redirects as a browser does them.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use portcullis::gate::{Answer, Forward, Outcome};

use super::world::{HOST, Head, Isolate};

/// The most redirects a browser follows.
const REDIRECTS: usize = 20;

/// The longest that a browser keeps a cookie, in seconds: 400 days.
const LONGEST: u64 = 400 * 86_400;

/// One browser with its cookies; clones are tabs.
#[derive(Clone)]
pub struct Browser {
    cookies: Rc<RefCell<BTreeMap<String, (String, String)>>>,
    /// Who sits in front of it.
    pub person: String,
    /// It keeps no cookies.
    pub refuses_cookies: bool,
}

/// Where a navigation ended.
#[derive(Debug)]
pub enum Arrival {
    /// At the origin, with these edits, at this address.
    Origin(String, Forward),
    /// At an answer of the gate.
    Page(String, Answer),
}

impl Browser {
    pub fn new(person: &str) -> Self {
        Self { cookies: Rc::default(), person: person.to_owned(), refuses_cookies: false }
    }

    /// Another browser that has this one's cookies whose name has this part.
    pub fn twin(&self, part: &str) -> Self {
        let cookies = self
            .cookies
            .borrow()
            .iter()
            .filter(|(name, _)| name.contains(part))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self { cookies: Rc::new(RefCell::new(cookies)), ..self.clone() }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).map(|(value, _)| value.clone())
    }

    pub fn cookie_names(&self) -> Vec<String> {
        self.cookies.borrow().keys().cloned().collect()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), (value.to_owned(), "/".to_owned()));
    }

    pub fn forget(&self, part: &str) {
        self.cookies.borrow_mut().retain(|name, _| !name.contains(part));
    }

    /// Sends a request with the browser's cookies, and keeps those of the answer.
    pub fn send(&self, isolate: &Isolate, head: Head) -> Outcome {
        let path = head.url.strip_prefix(HOST).unwrap_or("/").split('?').next().unwrap().to_owned();
        let cookies: Vec<String> = self
            .cookies
            .borrow()
            .iter()
            .filter(|(_, (_, scope))| path.starts_with(scope))
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        let head = if cookies.is_empty() { head } else { head.with("cookie", &cookies.join("; ")) };
        let outcome = isolate.send(&head);
        if let Outcome::Answer(answer) = &outcome {
            self.keep(answer);
        }
        outcome
    }

    /// Every cookie of every test is held to what a browser asks of it (RFC 6265bis, 4.1.2.6, 4.1.2.7, 4.1.3.2, 5.5, 5.6).
    fn keep(&self, answer: &Answer) {
        for (_, line) in answer.headers.iter().filter(|(name, _)| *name == "set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(name.len() + value.len() <= 4_096, "{name} is too long for a browser");
            assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"), "{line}");
            assert!(!name.starts_with("__Host-") || attributes.contains("Path=/;") && attributes.contains("; Secure"));
            let lifetime: u64 =
                attributes.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
            assert!(lifetime <= LONGEST, "{line}");
            let path = attributes.split("Path=").nth(1).unwrap().split(';').next().unwrap();
            if lifetime == 0 {
                self.cookies.borrow_mut().remove(name);
            } else if !self.refuses_cookies {
                self.cookies.borrow_mut().insert(name.to_owned(), (value.to_owned(), path.to_owned()));
            }
        }
    }

    /// Opens an address in a tab and follows where it leads, through the provider as well.
    pub fn open(&self, isolate: &Isolate, address: &str) -> Arrival {
        let mut url = if address.starts_with('/') { format!("{HOST}{address}") } else { address.to_owned() };
        for _ in 0..REDIRECTS {
            if !url.starts_with(HOST) {
                url = isolate.world.authorize(&url, &self.person).expect("a provider");
                continue;
            }
            match self.send(isolate, Head::navigation(&url)) {
                Outcome::Forward(forward) => return Arrival::Origin(url, forward),
                Outcome::Answer(answer) => match next(&answer) {
                    Some(to) => url = to,
                    None => return Arrival::Page(url, answer),
                },
            }
        }
        panic!("too many redirects, at last to {url}");
    }

    /// Opens an address, and stops at the provider: the address that was asked of it.
    pub fn start(&self, isolate: &Isolate, address: &str) -> String {
        let mut url = format!("{HOST}{address}");
        for _ in 0..REDIRECTS {
            let Outcome::Answer(answer) = self.send(isolate, Head::navigation(&url)) else { panic!("no login needed") };
            url = next(&answer).expect("a login");
            if !url.starts_with(HOST) {
                return url;
            }
        }
        panic!("too many redirects");
    }

    /// The address that the provider sends the browser back to.
    pub fn answer_of_provider(&self, isolate: &Isolate, url: &str) -> String {
        isolate.world.authorize(url, &self.person).expect("a provider")
    }
}

impl Arrival {
    /// The path and query at the origin.
    pub fn at_origin(&self) -> &str {
        match self {
            Self::Origin(url, _) => url.strip_prefix(HOST).unwrap(),
            Self::Page(url, answer) => panic!("a page at {url}: {} {}", answer.status, answer.body),
        }
    }

    /// The status and the body of a page of the gate.
    pub fn page(&self) -> (u16, &str) {
        match self {
            Self::Page(_, answer) => (answer.status, &answer.body),
            Self::Origin(url, _) => panic!("at the origin: {url}"),
        }
    }

    /// An identity header at the origin.
    pub fn identity(&self, name: &str) -> Option<String> {
        match self {
            Self::Origin(_, forward) => {
                forward.identity().into_iter().find(|(header, _)| *header == name).map(|(_, value)| value)
            }
            Self::Page(..) => None,
        }
    }
}

/// Where an answer leads a browser without scripts.
pub fn next(answer: &Answer) -> Option<String> {
    if let Some(location) = answer.header("location") {
        return Some(location.to_owned());
    }
    let refresh = answer.body.split("http-equiv=\"refresh\" content=\"0;url=").nth(1)?;
    Some(refresh.split('"').next()?.replace("&amp;", "&"))
}
