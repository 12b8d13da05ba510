//! What a person sees: plain, quick, readable in light and dark, with no scripts except for the fragment and the end
//! of a pop-up; and the script that the site's own pages may use ([`client`]).
//!
//! A page is HTML with its styles inside and a policy that names their hash. Text is escaped where
//! it is put in. Nothing here decides anything.

pub mod client;
mod layout;
mod script;

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{Markup, html};
use sha2::{Digest, Sha256};

/// A page to render.
#[derive(Clone, Debug)]
pub enum Page {
    /// Goes on to the provider, and keeps the fragment.
    Continue {
        /// The provider's title.
        title: String,
        /// The address to go to.
        address: String,
        /// The address to go to if a fragment was kept.
        with_fragment: String,
        /// The key to keep it under.
        key: String,
    },
    /// Goes on to the page, with the fragment that was kept.
    Arrive {
        /// The page's address.
        address: String,
        /// The key it was kept under.
        key: String,
    },
    /// Several ways to sign in.
    Chooser {
        /// The ways.
        choices: Vec<Choice>,
    },
    /// In a frame, or after a form: a link that opens in the whole tab.
    SignInFirst {
        /// Where it leads.
        sign_in: String,
    },
    /// Asks whether to sign out.
    SignOut {
        /// Who is signed in.
        person: Option<String>,
        /// Where the form goes.
        action: String,
        /// The site that the answer to the form leads to.
        leads_to: Option<String>,
    },
    /// After a logout.
    SignedOut {
        /// The way back in.
        sign_in: String,
    },
    /// After a login in a window of its own.
    SignedIn,
    /// Something was refused.
    Refusal {
        /// The code to search for.
        code: &'static str,
        /// What happened, in a few words.
        title: &'static str,
        /// What to do.
        text: &'static str,
        /// Who is signed in, if that matters.
        person: Option<Person>,
        /// Where to go from here.
        way_on: WayOn,
    },
}

/// A provider on the chooser.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its title.
    pub title: String,
    /// Where its button leads.
    pub address: String,
}

/// Where a visitor can go from a refusal.
#[derive(Clone, Debug)]
pub enum WayOn {
    /// A new login.
    TryAgain(LoginLink),
    /// A new login, with another account.
    AnotherAccount(LoginLink),
    /// The site's home page.
    Home,
    /// The logout.
    SignOut(String),
    /// There is nothing to link to.
    Nowhere,
}

/// Who is signed in, and where to sign out: some providers do not let people choose another account.
#[derive(Clone, Debug)]
pub struct Person {
    /// What to call the person.
    pub name: String,
    /// The logout.
    pub sign_out: String,
}

/// A link to a new login, which takes the fragment along.
#[derive(Clone, Debug)]
pub struct LoginLink {
    /// Where it leads.
    pub address: String,
    /// The key under which an earlier attempt kept the fragment; without one, the fragment is in the address of the
    /// page.
    pub key: Option<String>,
}

/// A rendered page.
#[derive(Clone, Debug)]
pub struct Document {
    /// The HTML.
    pub html: String,
    /// Its Content-Security-Policy.
    pub policy: String,
    /// Whether a page of the same site may show it in a frame.
    pub frameable: bool,
}

/// Renders `page`; `request` is the request id that the log shows too.
pub fn render(page: &Page, request: &str) -> Document {
    let script = match page {
        Page::Continue { .. } => Some(script::KEEP_FRAGMENT),
        Page::Arrive { .. } => Some(script::RESTORE_FRAGMENT),
        Page::Chooser { .. }
        | Page::SignInFirst { .. }
        | Page::Refusal { way_on: WayOn::TryAgain(_) | WayOn::AnotherAccount(_), .. } => Some(script::CARRY_FRAGMENT),
        Page::SignedIn => Some(script::END_WINDOW),
        _ => None,
    };
    let form = match page {
        // The provider may redirect to hosts that only it knows, and Chromium holds all of them to this policy.
        Page::SignOut { leads_to: Some(site), .. } => format!("'self' {site} https:"),
        Page::SignOut { leads_to: None, .. } => "'self'".to_owned(),
        _ => "'none'".to_owned(),
    };
    // A page that replaces one of the site's may be in the site's frames: the one for people who are not signed in,
    // and the one for people who are.
    let frameable = matches!(page, Page::SignInFirst { .. } | Page::Refusal { person: Some(_), .. });
    let script_source = script.map(|script| format!("; script-src '{}'", hash(script))).unwrap_or_default();
    let ancestors = if frameable { "'self'" } else { "'none'" };
    let policy = format!(
        "default-src 'none'; style-src '{}'{script_source}; img-src data:; base-uri 'none'; form-action {form}; frame-ancestors {ancestors}",
        hash(layout::STYLE)
    );
    Document { html: layout::lay_out(page, script, request).into_string(), policy, frameable }
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The title and the body of a page.
fn content(page: &Page) -> (&str, Markup) {
    match page {
        Page::Continue { title, address, with_fragment, key } => (
            "Signing in",
            html! {
                p { "You are on your way to " strong { (title) } "." }
                p.actions { a.button #continue href=(address) data-with-fragment=(with_fragment) data-key=(key) { "Continue" } }
            },
        ),
        Page::Arrive { address, key } => (
            "Signed in",
            html! {
                p { "You are on your way back to the page you wanted." }
                p.actions { a.button #continue href=(address) data-key=(key) { "Continue" } }
            },
        ),
        Page::Chooser { choices } => (
            "Sign in",
            html! {
                p { "How would you like to sign in?" }
                ul.choices {
                    @for choice in choices {
                        li { a.button href=(choice.address) { (choice.title) } }
                    }
                }
            },
        ),
        Page::SignInFirst { sign_in } => (
            "Sign in first",
            html! {
                p { "Sign in to go on. If you sent a form, it was not taken: send it again afterwards." }
                p.actions { a.button href=(sign_in) target="_top" { "Sign in" } }
            },
        ),
        Page::SignOut { person, action, .. } => (
            "Sign out?",
            html! {
                @match person {
                    Some(person) => p { "You are signed in as " strong { (person) } "." },
                    None => p { "You are not signed in here. Signing out clears what may be left." },
                }
                form.actions method="post" action=(action) { button.button type="submit" { "Sign out" } a.quiet href="/" { @if person.is_some() { "Stay" } @else { "Home page" } } }
            },
        ),
        Page::SignedOut { sign_in } => (
            "You are signed out",
            html! {
                p { "You can close this page, or sign in again." }
                p.actions { a.button href=(sign_in) { "Sign in" } a.quiet href="/" { "Home page" } }
            },
        ),
        Page::SignedIn => (
            "You are signed in",
            html! {
                p { "You can close this window. The page that you came from goes on by itself." }
                p.actions { a.quiet href="/" { "Home page" } }
            },
        ),
        Page::Refusal { title, text, person, way_on, .. } => (
            title,
            html! {
                @if let Some(Person { name, sign_out }) = person {
                    p { "You are signed in as " strong { (name) } ". " a.quiet href=(sign_out) target="_top" { "Sign out" } }
                }
                p { (text) }
                @match way_on {
                    WayOn::TryAgain(login) => p.actions { a.button href=(login.address) data-key=[&login.key] target="_top" { "Try again" } },
                    WayOn::AnotherAccount(login) => p.actions { a.button href=(login.address) data-key=[&login.key] target="_top" { "Use another account" } a.quiet href="/" target="_top" { "Home page" } },
                    WayOn::Home => p.actions { a.button href="/" target="_top" { "Home page" } },
                    WayOn::SignOut(address) => p.actions { a.button href=(address) target="_top" { "Sign out" } },
                    WayOn::Nowhere => {},
                }
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(person: &str) -> Document {
        let page = Page::Refusal {
            code: "not_allowed",
            title: "No",
            text: "Ask.",
            person: Some(Person { name: person.into(), sign_out: "/.auth/logout".into() }),
            way_on: WayOn::Home,
        };
        render(&page, "req-1")
    }

    #[test]
    fn text_is_escaped_where_it_is_put_in() {
        let document = refusal("<script>alert(1)</script>\"'&");
        assert!(!document.html.contains("<script>"), "{}", document.html);
        assert!(document.html.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_request_id_and_the_code_are_shown() {
        let document = refusal("ada");
        assert!(document.html.contains("req-1") && document.html.contains("not_allowed"));
    }

    #[test]
    fn the_policy_allows_nothing_that_is_not_on_the_page() {
        let document = refusal("ada");
        assert!(document.policy.starts_with("default-src 'none'; style-src 'sha256-"), "{}", document.policy);
        assert!(!document.policy.contains("script-src") && !document.policy.contains("unsafe"));
        assert!(document.policy.contains("form-action 'none'"));
        // A browser that finds no icon named asks for /favicon.ico.
        assert!(
            document.policy.contains("img-src data:;") && document.html.contains(r#"<link rel="icon" href="data:,">"#)
        );
        // It replaces a page, which may be in a frame of the site.
        assert!(document.policy.contains("frame-ancestors 'self'") && document.frameable);
        let document = render(&Page::SignedIn, "r");
        assert!(document.policy.contains("frame-ancestors 'none'") && !document.frameable);
    }

    #[test]
    fn a_page_goes_on_without_a_script_too() {
        let page = Page::Continue {
            title: "Work".into(),
            address: "https://id.example/a?x=1&y#".into(),
            with_fragment: "https://id.example/b#".into(),
            key: "k".into(),
        };
        let document = render(&page, "r");
        assert!(
            document.html.contains(r#"<meta http-equiv="refresh" content="0;url=https://id.example/a?x=1&amp;y#">"#),
            "{}",
            document.html
        );
        assert!(document.policy.contains("script-src 'sha256-"));
    }

    /// Every login waits for the page on the way, which contains the provider's address three times.
    #[test]
    fn no_page_is_larger_than_six_thousand_bytes() {
        let request = "0123456789ab";
        // For a page whose address has some 200 letters: they travel in the state.
        let provider = format!("https://login.example.com/organization/oauth2/v2.0/authorize?{}#", "q".repeat(800));
        let login = format!("/.auth/login?return_to={}", "q".repeat(200));
        let link = || LoginLink { address: login.clone(), key: Some("0123456789abcdef".into()) };
        let person = || Some("ada.lindqvist@department.example.com".to_owned());
        let choice = |number| Choice { title: format!("Department number {number}"), address: login.clone() };
        let refusal = |way_on| Page::Refusal {
            code: "session_not_kept_by_the_browser",
            title: "Your browser does not keep cookies of this site",
            text: "Allow cookies for this site in your browser's settings, and try again; if that does not help, tell the people who run this site what stands below.",
            person: person().map(|name| Person { name, sign_out: "/.auth/logout".into() }),
            way_on,
        };
        let pages = [
            Page::Continue {
                title: "Department of Everything".into(),
                address: provider.clone(),
                with_fragment: provider,
                key: request.into(),
            },
            Page::Arrive { address: format!("https://docs.example.com/{}", "q".repeat(200)), key: request.into() },
            Page::Chooser { choices: (1..=5).map(choice).collect() },
            Page::SignInFirst { sign_in: login.clone() },
            Page::SignOut {
                person: person(),
                action: "/.auth/logout?provider".into(),
                leads_to: Some("https://login.example.com".into()),
            },
            Page::SignedOut { sign_in: login.clone() },
            Page::SignedIn,
            refusal(WayOn::TryAgain(link())),
            refusal(WayOn::AnotherAccount(link())),
            refusal(WayOn::Home),
            refusal(WayOn::SignOut("/.auth/logout".into())),
            refusal(WayOn::Nowhere),
        ];
        for page in &pages {
            let Document { html, .. } = render(page, request);
            assert!(html.len() <= 6_000, "{} bytes: {html}", html.len());
        }
    }
}
