// What is said when the gate or the origin cannot answer: a line in the log and, with the same request id, a page for
// a person and plain text for anybody else. It is made here, since the module may be what broke. The page looks like
// the module's pages, and has nothing on it that anybody sent.

const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';
/** How much of a host and of a path is logged, as in the module: anybody can send longer ones. */
const LONGEST_HOST = 270;
const LONGEST_PATH = 1_024;

/** The style of pages/layout.rs, to the letter; and its hash, which the policy names. */
const STYLE = [
  ':root{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--ink:#16202c;--soft:#4a5766;--line:#d8dde3;--accent:#1a4fa3;--on-accent:#fff}',
  '@media(prefers-color-scheme:dark){:root{--ground:#11161d;--card:#1a212b;--ink:#e9eef4;--soft:#b3bfcc;--line:#323d4a;--accent:#9cc2ff;--on-accent:#0b1a30}}',
  '*{box-sizing:border-box}',
  'body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}',
  'main{width:100%;max-width:27rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2.25rem 2rem 1.5rem;box-shadow:0 1px 2px #0000000f,0 12px 32px #0000000f;overflow-wrap:anywhere}',
  '.gate{display:block;width:36px;height:36px;margin:0 0 1.25rem;color:var(--accent)}',
  'h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25;letter-spacing:-.01em}',
  'p{margin:0 0 1rem;color:var(--soft)}',
  'strong{color:var(--ink)}',
  '.actions{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.25rem;margin:1.5rem 0 .5rem}',
  '.choices{list-style:none;margin:1.5rem 0 .5rem;padding:0;display:grid;gap:.625rem}',
  '.choices .button{display:block;text-align:center}',
  '.button{display:inline-block;border:1px solid transparent;border-radius:9px;padding:.7rem 1.3rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}',
  '.button:hover{filter:brightness(1.1)}',
  '.quiet{display:inline-block;color:var(--accent)}',
  '.button:focus-visible,.quiet:focus-visible{outline:3px solid var(--accent);outline-offset:3px}',
  'footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.8125rem}',
  'code{font:inherit;font-family:ui-monospace,monospace}',
].join('');
const STYLE_HASH = 'sha256-cw3hvfZoP3cgzzCK+c0DnHiEnZ6M6u7m5MhtaO6jJfI=';

const OURS = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'retry-after': '1' };
const OF_A_TEXT = { ...OURS, 'content-type': 'text/plain; charset=utf-8' };
const OF_A_PAGE = {
  ...OURS,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src '${STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-frame-options': 'DENY',
};

/** Logs `error` under `code` and answers `asked` with `text`, which no cache keeps. */
export function trouble({ status, event, code, title, text }, error, asked) {
  const request = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => LETTERS[byte & 31]).join('');
  console.error(JSON.stringify({ gate: 'portcullis', event, code, request, ...where(asked.url), detail: String(error?.message ?? error) }));
  if (!isPersons(asked)) return new Response(`${text}\nCode ${code}, request ${request}\n`, { status, headers: OF_A_TEXT });
  return new Response(page({ code, title, text, request, isRead: asked.method === 'GET' }), { status, headers: OF_A_PAGE });
}

/** Host and path of an address, as written in it (see gate/visit.rs). */
function where(url) {
  const [, host = '', path = ''] = /^[^:]*:\/\/([^/?#\\]*)([^?]*)/.exec(url) ?? [];
  return { host: host.slice(0, LONGEST_HOST), path: path.slice(0, LONGEST_PATH) || '/' };
}

/** Whether a person's browser opens a page: by Fetch metadata where there are any, and by what it accepts. */
function isPersons({ headers }) {
  return ['navigate', null].includes(headers.get('sec-fetch-mode')) && (headers.get('accept') ?? '').includes('text/html');
}

/** A page that was opened can be opened again; a form that was sent cannot be sent by a link. */
function page({ code, title, text, request, isRead }) {
  const way = isRead ? '<a class="button" href="">Try again</a>' : '<a class="button" href="/">Home page</a>';
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">\
<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>${title}</title><style>${STYLE}</style></head><body><main>\
<svg class="gate" viewBox="0 0 36 36" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" aria-hidden="true">\
<path d="M4 33V16a14 14 0 0 1 28 0v17"></path><path d="M11 8v22M18 3v27M25 8v22M5 16h26M5 24h26"></path></svg>\
<h1>${title}</h1><p>${text}</p><p class="actions">${way}</p>\
<footer>Code <code>${code}</code>, request <code>${request}</code></footer></main></body></html>`;
}
