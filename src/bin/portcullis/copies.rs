//! Text of pages in other files: generators also write it into scripts, search indices and feeds, which the page's
//! rule does not guard.

use std::{
    collections::HashMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    rc::Rc,
};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use portcullis::{config::Access, policy::Policy, time::Timestamp};

use crate::{
    site_files::SiteFiles,
    supposition::{Bench, Supposition},
    verdict::Place,
};

/// How many words in a row identify a text.
const WORDS: usize = 5;
/// How many files are reported one by one.
const TOLD: usize = 5;
/// The extensions of files that generators write text of pages into.
const WITH_TEXT: &str = "js mjs json txt xml md rst map";
/// What a browser escapes in a path.
const NOT_IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// A page, and the rank of its rule.
struct Page {
    path: String,
    rank: Option<usize>,
}

/// The pages on which some words appear.
#[derive(Default)]
struct Standing {
    /// One of each rule.
    pages: Vec<Rc<Page>>,
    /// On how many pages.
    count: usize,
    /// The latest of those, by its number.
    latest: usize,
}

/// Warnings about the files that more people may open than the pages whose text they contain.
pub(crate) fn warnings(bench: &Bench, files: &SiteFiles) -> Vec<String> {
    let (mut pages, mut words) = (0, HashMap::<u64, Standing>::new());
    let (html, others): (Vec<_>, Vec<_>) =
        files.all().into_iter().partition(|(path, _)| path.ends_with(".html") || path.ends_with(".htm"));
    for (path, file) in html {
        let Some(rank) = rule_of_page(bench, &path) else { continue };
        let Some(text) = text_of(&file) else { continue };
        pages += 1;
        let page = Rc::new(Page { path, rank });
        for run in runs_of_page(&text) {
            each_of(&run, |hash, _| {
                let standing = words.entry(hash).or_default();
                if standing.latest != pages {
                    (standing.latest, standing.count) = (pages, standing.count + 1);
                }
                if !standing.pages.iter().any(|known| known.rank == rank) {
                    standing.pages.push(Rc::clone(&page));
                }
            });
        }
    }
    // What is on most pages belongs to the site's frame.
    let is_frame = |standing: &Standing| pages > 3 && standing.count * 2 > pages;
    words.retain(|_, standing| !is_frame(standing));

    let access = |rank: Option<usize>| &bench.gate.config().rule(rank).access;
    let copies = others.into_iter().filter(|(path, _)| has_text(path)).filter_map(|(path, file)| {
        let rank = rule_of(bench, &path)?;
        let mut found = None;
        each_of(&text_of(&file)?, |hash, run| {
            let Some(standing) = words.get(&hash).filter(|_| found.is_none()) else { return };
            if standing.pages.iter().all(|page| is_wider(access(rank), access(page.rank))) {
                found = standing.pages.first().map(|page| (Rc::clone(page), run.join(" ")));
            }
        });
        let (page, run) = found?;
        let place = |rank| Place { rank, id: None }.setting();
        Some(format!(
            "{path:?} has text of {:?} ({run:?}): {} shows it to people to whom {} does not show the page",
            page.path,
            place(rank),
            place(page.rank)
        ))
    });
    let mut copies: Vec<String> = copies.collect();
    if copies.len() > TOLD {
        let more = copies.split_off(TOLD).len();
        copies.push(format!("{more} more files have text of pages that are for fewer people"));
    }
    copies
}

/// Whether the file's access lets in people whom the page's does not.
fn is_wider(file: &Access, page: &Access) -> bool {
    match (file, page) {
        (_, Access::Public | Access::Optional) => false,
        (Access::Public | Access::Optional, Access::SignedIn(_)) => true,
        (Access::SignedIn(file), Access::SignedIn(page)) => file != page && *page != Policy::everyone(),
    }
}

/// The rank of a page's rule: at the path of its file, or at the one where the platform shows it.
fn rule_of_page(bench: &Bench, path: &str) -> Option<Option<usize>> {
    let shown = path.strip_suffix("index.html").or_else(|| path.strip_suffix(".html")).unwrap_or(path);
    rule_of(bench, path).or_else(|| rule_of(bench, shown))
}

/// The rank of the rule that decides; `None` where none does.
fn rule_of(bench: &Bench, path: &str) -> Option<Option<usize>> {
    let sent = bench.address(&utf8_percent_encode(path, NOT_IN_PATHS).to_string()).ok()?;
    let mut supposed = Supposition {
        method: "GET".to_owned(),
        url: Bench::seen(&sent),
        sent,
        headers: Vec::new(),
        address: None,
        country: None,
        now: Timestamp::from_seconds(0),
        asker: None,
    };
    Some(bench.explain(&mut supposed).ok()?.rule?.rank())
}

fn has_text(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    WITH_TEXT.split(' ').any(|known| known == ending)
}

fn text_of(file: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&fs::read(file).ok()?).into_owned())
}

/// What people read on a page, a run for each element.
fn runs_of_page(page: &str) -> Vec<String> {
    let body = page.find("<body").map_or(page, |start| page.get(start..).unwrap_or_default());
    let (mut runs, mut rest) = (Vec::new(), body);
    while let Some((before, tag)) = rest.split_once('<') {
        runs.push(without_entities(before));
        let silent = ["script", "style", "template", "!--"].into_iter().find(|name| tag.starts_with(name));
        let end =
            silent.map_or(">".to_owned(), |name| if name == "!--" { "-->".to_owned() } else { format!("</{name}") });
        rest = tag.split_once(&end).map_or("", |(_, rest)| rest);
    }
    runs.push(without_entities(rest));
    runs
}

/// A character written as an entity separates words, as it would if written in another way.
fn without_entities(text: &str) -> String {
    let mut parts = text.split('&');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once(';').filter(|(name, _)| name.len() < 10).map_or(part, |(_, rest)| rest);
        text + " " + rest
    })
}

/// Calls `visit` for every run of [`WORDS`] words.
fn each_of(text: &str, mut visit: impl FnMut(u64, &[&str])) {
    let words: Vec<&str> =
        text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    for run in words.windows(WORDS) {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        visit(hasher.finish(), run);
    }
}
