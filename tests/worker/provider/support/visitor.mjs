// A visitor without a screen: sends what a browser sends when a person opens a page, keeps cookies as
// a browser keeps them, and goes where redirects and pages that go on by themselves lead.

import { request as send } from 'node:http';
import { keepAddressOutOfTheLog, keepOutOfTheLog } from './confidential.mjs';

const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'upgrade-insecure-requests': '1',
};
/** More answers than any login has; the next one would be a loop. */
const LONGEST_WALK = 16;

export class Visitor {
  #jars = new Map();
  #refuses = () => false;

  /** @param {string} site  the address of the gate */
  constructor(site) {
    this.site = site;
  }

  /** Somebody with the same cookies, in a browser of their own. */
  copy() {
    const visitor = new Visitor(this.site);
    for (const [host, jar] of this.#jars) visitor.#jars.set(host, new Map(jar));
    return visitor;
  }

  /** Somebody whom the providers know, and the site does not. */
  withoutSite() {
    const visitor = this.copy();
    visitor.#jars.delete(new URL(this.site).hostname);
    return visitor;
  }

  /** The site's cookies by name. */
  get cookies() {
    return new Map([...this.#jar(this.site)].map(([name, { value }]) => [name, value]));
  }

  get session() {
    return this.cookies.get('portcullis');
  }

  /** The names of the cookies of pending and of finished logins. */
  get logins() {
    return [...this.cookies.keys()].filter((name) => name.startsWith('portcullis-login-'));
  }

  /** From now on the browser keeps no cookie of the site, or none of those whose name `which` accepts. */
  refuseCookies(which = () => true) {
    this.#refuses = which;
  }

  setCookie(name, value) {
    this.#jar(this.site).set(name, { value, path: '/' });
  }

  deleteCookie(name) {
    this.#jar(this.site).delete(name);
  }

  /** One exchange. `form` makes it a POST; the answer's `next` is where a browser would go on to. */
  async open(address, { headers = {}, form, method = form ? 'POST' : 'GET' } = {}) {
    const url = new URL(address, this.site);
    url.hash = '';
    keepAddressOutOfTheLog(url);
    const cookie = this.#cookieHeader(url);
    const body = form && new URLSearchParams(form).toString();
    const answer = await exchange(url, { method, body }, {
      ...NAVIGATION,
      ...(cookie && { cookie }),
      ...(body && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }),
      ...headers,
    });
    for (const line of answer.headers['set-cookie'] ?? []) this.#keep(url, line);
    return { ...answer, url: url.href, next: leadsTo(answer, url), ...shown(answer.text) };
  }

  /** Opens `address` and goes on until nothing leads further, or to an address that `until` accepts. */
  async walk(address, { until = () => false } = {}) {
    const walk = [];
    for (let url = new URL(address, this.site).href; walk.length < LONGEST_WALK; ) {
      const answer = await this.open(url);
      walk.push(`${answer.status} ${url}`);
      if (!answer.next) return { ...answer, walk };
      if (until(answer.next)) return { ...answer, walk, stoppedAt: answer.next };
      url = answer.next;
    }
    throw new Error(`The walk has no end:\n${walk.join('\n')}`);
  }

  /** Signs in on the way to `path`; the last answer, with the walk of the second half. */
  async signIn(path, { user = 'ada', password = 'demo', until } = {}) {
    const answer = await this.walk(path, { until });
    if (answer.stoppedAt || !answer.text.includes('name="password"')) return answer;
    const posted = await this.open(answer.url, { form: { username: user, password } });
    if (!posted.next) throw new Error(`The provider does not take the form: ${posted.status} ${posted.text}`);
    if (until?.(posted.next)) return { ...posted, stoppedAt: posted.next };
    return this.walk(posted.next, { until });
  }

  /** Signs in at the provider and stops before the callback: the address that it would have opened. */
  async authorize(path = '/members/', options = {}) {
    const callback = (url) => url.startsWith(`${this.site}/.auth/callback?`);
    const answer = await this.signIn(path, { ...options, until: callback });
    if (!answer.stoppedAt) throw new Error(`The provider did not answer: ${answer.status} ${answer.url}\n${answer.text}`);
    keepAddressOutOfTheLog(answer.stoppedAt);
    return new URL(answer.stoppedAt);
  }

  #jar(url) {
    const { hostname } = new URL(url);
    if (!this.#jars.has(hostname)) this.#jars.set(hostname, new Map());
    return this.#jars.get(hostname);
  }

  #cookieHeader(url) {
    return [...this.#jar(url)]
      .filter(([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
  }

  #keep(url, line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(name.length + 1);
    const attribute = (wanted) => attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const expired = attribute('max-age') === '0' || Date.parse(attribute('expires')) < Date.now();
    keepOutOfTheLog(`cookie ${name}`, value);
    if (url.href.startsWith(this.site) && this.#refuses(name)) return;
    if (expired) this.#jar(url).delete(name);
    else this.#jar(url).set(name, { value, path: attribute('path') ?? '/' });
  }
}

function exchange(url, { method, body }, headers) {
  const address = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname;
  const options = { host: address, port: url.port, path: url.pathname + url.search, method, agent: false };
  return new Promise((done, failed) => {
    const request = send({ ...options, headers: { host: url.host, ...headers } }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => {
        done({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    request.setTimeout(30_000, () => request.destroy(new Error(`${url}: no answer in 30 s`)));
    request.on('error', failed);
    request.end(body);
  });
}

/** A redirect, or a page that goes on without a script. */
function leadsTo({ status, headers, text }, url) {
  const redirect = status >= 300 && status < 400 ? headers.location : undefined;
  const refresh = /<meta http-equiv="refresh" content="\d+;url=([^"]+)"/.exec(text)?.[1].replaceAll('&amp;', '&');
  return (redirect ?? refresh) === undefined ? undefined : new URL(redirect ?? refresh, url).href;
}

/** What a page of the gate's own says at its foot, or problem details in their members. */
function shown(text) {
  const [, code, request] = /Code <code>([^<]*)<\/code>, request <code>([^<]*)<\/code>/.exec(text) ?? [];
  return { code, request };
}
