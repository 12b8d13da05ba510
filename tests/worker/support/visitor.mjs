// A visitor: what a browser does without a screen. Keeps cookies by site and path, follows redirects
// and the gate's own page on the way to a provider, and records every step.

import { navigation, send } from './exchange.mjs';

const MOST_STEPS = 20;

export class Visitor {
  /** Every exchange so far: `{ method, url, answer }`. */
  steps = [];
  #cookies = [];
  #through;

  /** `through` names the socket of each site that is not where its address says. */
  constructor(through = {}) {
    this.#through = through;
  }

  /** The Cookie header for a URL, or nothing. */
  cookie(url) {
    const { origin, pathname } = new URL(url);
    const fitting = this.#cookies.filter(
      ({ site, path }) => site === origin && (path === '/' || pathname === path || pathname.startsWith(`${path}/`)),
    );
    return fitting.map(({ name, value }) => `${name}=${value}`).join('; ') || undefined;
  }

  /** The names of the cookies that are kept for a site. */
  cookieNames(site) {
    return this.#cookies.filter((cookie) => cookie.site === new URL(site).origin).map(({ name }) => name);
  }

  /** One exchange, with the cookies and the headers of a page that is opened. */
  async visit(url, { method = 'GET', headers = {}, body } = {}) {
    const bare = url.split('#')[0];
    const cookie = this.cookie(bare);
    const answer = await send(bare, {
      method,
      headers: { ...navigation, ...(cookie && { cookie }), ...headers },
      body,
      through: this.#through[new URL(bare).origin],
    });
    this.steps.push({ method, url, answer });
    for (const line of answer.all('set-cookie')) this.#keep(line, bare);
    return answer;
  }

  /** Visits `url` and goes on until `isEnd` holds or there is nowhere to go. */
  async walk(url, isEnd = () => false) {
    let next = url;
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const answer = await this.visit(next);
      const onward = destination(answer, next);
      if (!onward || isEnd(onward, answer)) return { url: next, answer, onward };
      next = onward;
    }
    throw new Error(`More than ${MOST_STEPS} steps:\n${this.story()}`);
  }

  /** Sends a form, as the page at `url` would. */
  submit(url, fields) {
    return this.visit(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: new URL(url).origin,
        'sec-fetch-site': 'same-origin',
      },
      body: new URLSearchParams(fields).toString(),
    });
  }

  /** What happened, for a message. */
  story() {
    return this.steps.map(({ method, url, answer }) => `${answer.status} ${method} ${url}`).join('\n');
  }

  #keep(line, url) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const cut = pair.indexOf('=');
    const [name, value] = [pair.slice(0, cut), pair.slice(cut + 1)];
    const attribute = (wanted) => attributes.map((each) => each.split('=')).find(([key]) => key.toLowerCase() === wanted)?.[1];
    const { origin: site } = new URL(url);
    const path = attribute('path') ?? '/';
    this.#cookies = this.#cookies.filter((kept) => kept.site !== site || kept.name !== name || kept.path !== path);
    const expires = attribute('expires');
    const over = attribute('max-age') === '0' || (expires && Date.parse(expires) <= Date.now());
    if (!over) this.#cookies.push({ site, name, value, path });
  }
}

/** Where an answer leads: by a redirect, or by the gate's page that goes on by itself. */
function destination(answer, from) {
  const location = answer.header('location');
  if (location !== undefined) return new URL(location, from).href;
  const link = /<a [^>]*\bid="continue"[^>]*>/.exec(answer.body)?.[0];
  const address = link && /\bhref="([^"]*)"/.exec(link)?.[1];
  return address && new URL(unescape(address), from).href;
}

function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
