// A real Firefox as people have it, and the people who use it: each in a container of their own, with everything
// noted that their browser complains about. It is driven by WebDriver BiDi, since Playwright drives only a Firefox
// that it has changed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFirefox } from '../../../scripts/browser.mjs';
import { keepAddressOutOfTheLog, keepOutOfTheLog } from '../../worker/provider/support/confidential.mjs';
import { Connection, PATIENCE, until } from './bidi.mjs';
import { Tab } from './tab.mjs';

const EVENTS = ['log.entryAdded', 'network.beforeRequestSent', 'network.responseStarted', 'browsingContext.contextCreated', 'browsingContext.contextDestroyed'];
const START = 30_000;

/**
 * Besides those that Firefox sets by itself while it is driven: it asks nobody for anything. Whatever it means to fetch
 * all the same goes to a proxy that is not there; only what is on this machine needs none.
 */
const QUIET = {
  'network.proxy.type': 1,
  ...Object.fromEntries(['http', 'ssl'].flatMap((kind) => [[`network.proxy.${kind}`, '127.0.0.1'], [`network.proxy.${kind}_port`, 9]])),
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.startup.homepage': 'about:blank',
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'nimbus.rollouts.enabled': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.unified': false,
};
/** One that it would set, and that people do not have: a window opens on a click alone. */
const AS_PEOPLE_HAVE = { 'dom.disable_open_during_load': true };

/** `cookiesOf`: a browser that keeps no cookies, as its owner told it, but of this site. */
export async function startFirefox({ cookiesOf } = {}) {
  const path = await findFirefox();
  const profile = await mkdtemp(join(tmpdir(), 'portcullis-firefox-'));
  const preferences = { ...QUIET, ...AS_PEOPLE_HAVE };
  if (cookiesOf) {
    const exceptions = join(profile, 'exceptions.txt');
    await writeFile(exceptions, `origin\tcookie\t1\t${cookiesOf}\n`);
    Object.assign(preferences, { 'network.cookie.cookieBehavior': 2, 'permissions.manager.defaultsUrl': `file://${exceptions}` });
  }
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  await writeFile(join(profile, 'user.js'), lines.join(''));
  const program = await Program.start(path, profile);
  try {
    return await Firefox.driven(program);
  } catch (error) {
    await program.end();
    throw error;
  }
}

/**
 * Runs a Firefox, and ends it as soon as nobody holds its standard input: however the tests end, neither the browser nor
 * its profile stays.
 */
const KEEPER = `trap : INT TERM HUP; "$0" "$@" & read -r _; kill -9 $!; wait; rm -rf "$HOME"`;

class Program {
  static async start(path, profile) {
    const options = ['--headless', '--profile', profile, '--remote-debugging-port=0'];
    // As root it does not start where the home directory is somebody else's. And what Firefox sets for tests, so that it
    // fetches none of Mozilla's settings, counts only with the last of these.
    const env = { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1', MOZ_REMOTE_SETTINGS_DEVTOOLS: '1' };
    const keeper = spawn('sh', ['-c', KEEPER, path, ...options], { env, stdio: ['pipe', 'ignore', 'pipe'] });
    const program = new Program(keeper);
    program.address = await program.#listens().catch(async (error) => {
      await program.end();
      throw error;
    });
    return program;
  }

  #keeper;

  constructor(keeper) {
    this.#keeper = keeper;
    this.ended = once(keeper, 'exit');
  }

  /** Where it listens, once it has said so. */
  #listens() {
    let said = '';
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`Firefox did not start to listen:\n${said}`)), START);
      this.#keeper.stderr.setEncoding('utf8').on('data', (text) => {
        said += text;
        const [, address] = /listening on (ws:\S+)\s/.exec(said) ?? [];
        if (!address) return;
        clearTimeout(late);
        this.#keeper.stderr.removeAllListeners('data').resume();
        done(address);
      });
    });
  }

  async end() {
    this.#keeper.stdin.end();
    await this.ended;
  }
}

class Firefox {
  #program;
  #connection;
  #people = new Map();

  static async driven(program) {
    const firefox = new Firefox();
    firefox.#program = program;
    firefox.#connection = await Connection.to(`${program.address}/session`, (name, params) => firefox.#noted(name, params));
    const { capabilities } = await firefox.#connection.send('session.new', { capabilities: {} });
    firefox.version = capabilities.browserVersion;
    await firefox.#connection.send('session.subscribe', { events: EVENTS });
    return firefox;
  }

  /** Somebody new: no cookies, no history. */
  async person() {
    const { userContext } = await this.#connection.send('browser.createUserContext');
    const person = new Person(this.#connection, userContext);
    this.#people.set(userContext, person);
    person.page = await person.newTab();
    return person;
  }

  #noted(name, params) {
    if (name === 'browsingContext.contextCreated') return this.#people.get(params.userContext)?.opened(params);
    const context = name === 'log.entryAdded' ? params.source.context : params.context;
    for (const person of this.#people.values()) person.noted(name, params, context);
  }

  async close() {
    this.#connection.close();
    await this.#program.end();
  }
}

class Person {
  #connection;
  #userContext;
  /** All browsing contexts, with the one that a frame is in. */
  #contexts = new Map();
  #complaints = [];
  /** Every address a tab was sent to, redirects among them. */
  visits = [];
  /** Every request that is answered: `{ method, url, status, headers }`, the headers being those that were sent. */
  requests = [];
  /** All tabs and windows that are open. */
  tabs = [];

  constructor(connection, userContext) {
    this.#connection = connection;
    this.#userContext = userContext;
  }

  async newTab() {
    const { context } = await this.#connection.send('browsingContext.create', { type: 'tab', userContext: this.#userContext });
    return until(() => this.tabs.find(({ id }) => id === context), 'a tab');
  }

  /** The window that `act` opens. */
  async window(act) {
    const before = [...this.tabs];
    await act();
    return until(() => this.tabs.find((tab) => !before.includes(tab)), 'a window');
  }

  /** Fills in the provider's form on `tab`, which shows it. */
  async signIn(user, tab = this.page) {
    await tab.type('#username', user);
    await tab.type('#password', 'demo');
    await tab.click('button', 'Sign in');
  }

  /** The names of the cookies that `site` has set. */
  async cookies(site) {
    const domain = new URL(site).hostname;
    return (await this.#jar()).filter((cookie) => cookie.domain === domain).map(({ name }) => name);
  }

  /** Forgets all of them whose name begins so. */
  async forget(begin) {
    for (const { name } of await this.#jar()) {
      if (name.startsWith(begin)) await this.#connection.send('storage.deleteCookies', { filter: { name }, partition: this.#partition });
    }
  }

  async #jar() {
    return (await this.#connection.send('storage.getCookies', { partition: this.#partition })).cookies;
  }

  get #partition() {
    return { type: 'storageKey', userContext: this.#userContext };
  }

  /** Violations of a policy, errors of scripts, whatever the console shows as an error or a warning. */
  async complaints() {
    // They come by a way of their own, and a little late.
    await new Promise((done) => setTimeout(done, 150));
    return this.#complaints;
  }

  opened({ context, parent }) {
    this.#contexts.set(context, parent);
    if (!parent) this.tabs.push(new Tab(this.#connection, context));
  }

  noted(name, params, context) {
    if (!this.#contexts.has(context)) return;
    if (name === 'browsingContext.contextDestroyed') this.tabs = this.tabs.filter(({ id }) => id !== context);
    else if (name === 'log.entryAdded') {
      if (['error', 'warn'].includes(params.level)) this.#complaints.push(params.text);
    } else this.#asked(name, params, this.#contexts.get(context));
  }

  #asked(name, { request: { method, url, headers }, response, navigation }, parent) {
    if (name === 'network.responseStarted') {
      const sent = Object.fromEntries(headers.map((header) => [header.name.toLowerCase(), header.value.value]));
      this.requests.push({ method, url: url.split('#')[0], status: response.status, headers: sent });
      return;
    }
    keepAddressOutOfTheLog(url);
    if (navigation && !parent) this.visits.push(url);
  }

  async close() {
    for (const { name, value } of await this.#jar()) keepOutOfTheLog(`cookie ${name}`, value.value);
    await this.#connection.send('browser.removeUserContext', { userContext: this.#userContext });
  }
}
