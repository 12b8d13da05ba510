// A single-page app behind the gate, under a policy as strict as there is: its pages load the client
// script and nothing else, and its interface tells who asked and with what.

import { Response } from 'miniflare';

/** Own scripts alone, no style in the page, no markup made of text. */
export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** `arrived` holds what reached the interface; `pages` are more pages, by path: `[media type, text]`. */
export function app({ pages = {} } = {}) {
  const arrived = [];
  const answer = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pages[pathname]) return text(...pages[pathname]);
    if (pathname === '/wrap.js') return text('text/javascript', 'portcullis.wrap();');
    if (pathname === '/api/problem') return problem(searchParams.get('login_url'));
    if (!pathname.startsWith('/api/') && !searchParams.has('shown_at')) return text('text/html', page);
    const { method, headers } = request;
    const record = { method, path: pathname, by: headers.get('x-auth-subject'), type: headers.get('content-type'), body: await request.text() };
    arrived.push(record);
    // What was done is shown at another address (RFC 9110, 15.4.4).
    if (searchParams.has('shown_at')) return new Response(null, { status: 303, headers: { location: searchParams.get('shown_at') } });
    return Response.json(record);
  };
  return { arrived, answer };
}

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>An app</title>
<script src="/.auth/client.js" defer></script><script src="/wrap.js" defer></script>
<main><h1>An app</h1><p><button>A button</button></p><p id="swarm">A paragraph</p></main>`;

/** What the gate's 401 looks like, from elsewhere. */
export function problem(login_url, headers = {}) {
  const body = JSON.stringify({ status: 401, code: 'sign_in_required', title: 'Sign in first', login_url });
  return new Response(body, { status: 401, headers: { 'content-type': 'application/problem+json', ...headers } });
}

function text(type, body) {
  return new Response(body, { headers: { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': POLICY } });
}
