//! The frame around every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Page, content};

/// System fonts, one column, colours that keep a contrast of 7:1 in light and dark.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--ink:#16202c;--soft:#4a5766;--line:#d8dde3;--accent:#1a4fa3;--on-accent:#fff}\
@media(prefers-color-scheme:dark){:root{--ground:#11161d;--card:#1a212b;--ink:#e9eef4;--soft:#b3bfcc;--line:#323d4a;--accent:#9cc2ff;--on-accent:#0b1a30}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}\
main{width:100%;max-width:27rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2.25rem 2rem 1.5rem;box-shadow:0 1px 2px #0000000f,0 12px 32px #0000000f;overflow-wrap:anywhere}\
.gate{display:block;width:36px;height:36px;margin:0 0 1.25rem;color:var(--accent)}\
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25;letter-spacing:-.01em}\
p{margin:0 0 1rem;color:var(--soft)}\
strong{color:var(--ink)}\
.actions{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.25rem;margin:1.5rem 0 .5rem}\
.choices{list-style:none;margin:1.5rem 0 .5rem;padding:0;display:grid;gap:.625rem}\
.choices .button{display:block;text-align:center}\
.button{display:inline-block;border:1px solid transparent;border-radius:9px;padding:.7rem 1.3rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}\
.button:hover{filter:brightness(1.1)}\
.quiet{display:inline-block;color:var(--accent)}\
.button:focus-visible,.quiet:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.8125rem}\
code{font:inherit;font-family:ui-monospace,monospace}";

/// Lays out a page. One that goes on by itself does so in a browser without scripts as well.
pub(super) fn lay_out(page: &Page, script: Option<&str>, request: &str) -> Markup {
    let (title, body) = content(page);
    let next = match page {
        Page::Continue { address, .. } | Page::Arrive { address, .. } => Some(address),
        _ => None,
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="robots" content="noindex";
                // A browser asks for the site's icon otherwise, and complains of the policy that does not let it.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
                @if let Some(address) = next {
                    noscript { meta http-equiv="refresh" content=(format!("0;url={address}")); }
                }
            }
            body {
                main {
                    (gate())
                    h1 { (title) }
                    (body)
                    footer {
                        @if let Page::Refusal { code, .. } = page { "Code " code { (code) } ", request " } @else { "Request " }
                        code { (request) }
                    }
                }
                @if let Some(script) = script { script { (PreEscaped(script)) } }
            }
        }
    }
}

/// A gate, drawn.
fn gate() -> Markup {
    html! {
        svg.gate viewBox="0 0 36 36" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" aria-hidden="true" {
            path d="M4 33V16a14 14 0 0 1 28 0v17" {}
            path d="M11 8v22M18 3v27M25 8v22M5 16h26M5 24h26" {}
        }
    }
}
