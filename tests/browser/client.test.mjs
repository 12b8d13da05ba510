// The client script in a real browser: sessions that end under an open page, and what comes of it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { hostile } from '../worker/provider/support/hostile.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { reissue } from '../worker/provider/support/token.mjs';
import { app } from './support/app.mjs';
import { startBrowser } from './support/browser.mjs';

const { arrived, answer } = app();
let site;
let browser;
let somebody;
let page;
before(async () => {
  [site, browser] = await Promise.all([
    startSite({
      settings: { origin: { service: 'APP' }, rules: [{ path: '/open/**', sso: false }, { path: '/api/problem', sso: false }, { path: '/*.js', sso: false }, { path: '/api/bills', require: [{ max_age: '1h' }] }] },
      gate: { origin: { assets: false, services: { APP: answer } } },
    }),
    startBrowser(),
  ]);
});
beforeEach(async () => {
  arrived.length = 0;
  somebody = await browser.person();
  ({ page } = somebody);
});
afterEach(() => somebody.close());
after(() => Promise.all([site.close(), browser.close()]));

/** An open page of ada's whose session ended: here, and at the provider. */
async function lateAda(path = '/app') {
  await page.goto(`${site.url}${path}`);
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}${path}`);
  await known('ada');
  await somebody.context.clearCookies();
}

/** Until the script knows who is there. */
async function known(subject) {
  await page.waitForFunction(async (expected) => (await window.portcullis?.me())?.subject === expected, subject);
  await page.waitForTimeout(100);
}

/** Sends requests from the page; what comes of them is asked for later. */
async function send(...requests) {
  await page.evaluate((all) => {
    window.results = all.map(async ([path, init]) => {
      const response = await fetch(path, init);
      return { status: response.status, body: await response.json() };
    });
  }, requests);
}
const results = () => page.evaluate(() => {
  const late = new Promise((_, failed) => setTimeout(() => failed(new Error('A request is still under way.')), 15_000));
  return Promise.race([Promise.all(window.results), late]);
});

const dialog = () => page.getByRole('dialog');
const button = (name) => dialog().getByRole('button', { name });

/** A click on "Sign in", and what is done in the window that opens. */
async function signInThere(user, meanwhile = () => {}) {
  const opened = somebody.context.waitForEvent('page');
  await button('Sign in').click();
  const popup = await opened;
  const closed = popup.waitForEvent('close');
  await popup.locator('#password').waitFor();
  await meanwhile();
  await somebody.signIn(user, popup);
  await closed;
}

/** What the browser complained about, less the 401s that it shows by themselves. */
function complaints() {
  return somebody.complaints.filter((text) => !text.includes('the server responded with a status of 401'));
}

describe('a session that ended', () => {
  test('a dialog, a window to sign in at, and the request is answered as if nothing had been', async () => {
    await lateAda();
    await page.getByRole('button', { name: 'A button' }).focus();
    await send(['/api/orders']);
    await dialog().waitFor();
    assert.match(await dialog().textContent(), /Your session has endedYou were signed in as Ada Lindqvist/);
    assert.equal(await page.evaluate(() => document.querySelector('body > div').shadowRoot.activeElement.textContent), 'Sign in');
    await signInThere('ada');
    assert.deepEqual(await results(), [{ status: 200, body: { method: 'GET', path: '/api/orders', by: 'ada', type: null, body: '' } }]);
    assert.equal(arrived.length, 1);
    await dialog().waitFor({ state: 'detached' });
    await page.waitForFunction(() => !document.querySelector('body > div'), undefined);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'A button', 'the focus is where it was');
    assert.deepEqual(complaints(), [], 'under a strict policy');
    assert.equal(page.url(), `${site.url}/app`, 'nobody left the page');
  });

  test('the window leads through the gate to its own last page, and has no hold on the page', async () => {
    await lateAda();
    const addresses = [];
    somebody.context.on('request', (request) => void (request.isNavigationRequest() && addresses.push(request.url())));
    await send(['/api/orders']);
    const opened = somebody.context.waitForEvent('page');
    await button('Sign in').click();
    const popup = await opened;
    await popup.locator('#password').waitFor();
    assert.equal(await popup.evaluate(() => window.opener), null);
    assert.match(await dialog().textContent(), /Go on in the window/);
    // A second click shows the same window.
    await button('Sign in').click();
    assert.equal(somebody.context.pages().length, 2);
    const closed = popup.waitForEvent('close');
    await somebody.signIn('ada', popup);
    await closed;
    const [{ status }] = await results();
    assert.equal(status, 200);
    const ways = addresses.map((url) => url.replace(/(callback)\?.*/, '$1')).filter((url) => url.startsWith(`${site.url}/.auth/`));
    assert.deepEqual(ways, ['login?return_to=%2F.auth%2Fsigned-in&for=%2Fapi%2Forders', 'callback', 'signed-in'].map((way) => `${site.url}/.auth/${way}`));
  });

  test('a provider whose policy cuts the window off: it ends all the same', async () => {
    await page.addInitScript(() => {
      const { open } = window;
      window.open = (...call) => (window.opened = open(...call));
    });
    await lateAda();
    await somebody.context.route(`${site.provider.issuer}/**`, async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      await route.fulfill({ response, headers: { ...response.headers(), 'cross-origin-opener-policy': 'same-origin' } });
    });
    await send(['/api/orders']);
    await signInThere('ada', () => page.waitForFunction(() => window.opened.closed));
    assert.equal((await results())[0].status, 200);
  });

  test('where windows are blocked: by leaving the page, and back to it with query and fragment', async () => {
    await page.addInitScript(() => (window.open = () => null));
    await lateAda('/app?hive=7');
    await page.evaluate(() => (location.hash = 'swarm'));
    await send(['/api/orders']);
    await button('Sign in').click();
    await page.locator('#password').waitFor();
    assert.equal(somebody.context.pages().length, 1);
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/app?hive=7#swarm`);
    assert.deepEqual(complaints(), []);
  });

  test('“Not now” and Escape: the 401, whole; and no second question before somebody touches the page', async () => {
    await lateAda();
    for (const decline of [() => button('Not now').click(), () => page.keyboard.press('Escape')]) {
      await send(['/api/orders']);
      await dialog().waitFor();
      await decline();
      const [{ status, body }] = await results();
      assert.deepEqual([status, body.code, body.status], [401, 'sign_in_required', 401]);
      await send(['/api/orders']);
      assert.equal((await results())[0].status, 401, 'at once');
      assert.equal(await dialog().count(), 0);
      await page.getByRole('button', { name: 'A button' }).click();
    }
    await send(['/api/orders']);
    await dialog().waitFor();
    assert.deepEqual(arrived, []);
  });

  test('several requests at once: one dialog, one sign-in, and each is answered', async () => {
    await lateAda();
    await send(['/api/a'], ['/api/b', { method: 'PUT', body: 'b' }], ['/api/c'], ['/api/d']);
    await dialog().waitFor();
    await page.evaluate(() => void window.results.push(fetch('/api/late').then((response) => ({ status: response.status, body: {} }))));
    await page.waitForTimeout(200);
    assert.equal(await dialog().count(), 1);
    await signInThere('ada');
    assert.deepEqual((await results()).map(({ status }) => status), [200, 200, 200, 200, 200]);
    assert.deepEqual(arrived.map(({ path }) => path).sort(), ['/api/a', '/api/b', '/api/c', '/api/d', '/api/late']);
    assert.equal(somebody.context.pages().length, 1);
  });

  test('another tab signs in: the dialog goes away by itself', async () => {
    await lateAda();
    await send(['/api/orders']);
    await dialog().waitFor();
    const tab = await somebody.newTab();
    await tab.goto(`${site.url}/app`);
    await somebody.signIn('ada', tab);
    await tab.waitForURL(`${site.url}/app`);
    await page.bringToFront();
    assert.equal((await results())[0].status, 200);
    assert.equal(await dialog().count(), 0);
    // And where it was there before the request came back, there is none.
    await somebody.context.clearCookies();
    await page.route('**/api/slow', async (route) => {
      const response = await route.fetch();
      await tab.goto(`${site.url}/app`);
      await somebody.signIn('ada', tab);
      await tab.waitForURL(`${site.url}/app`);
      await route.fulfill({ response });
    }, { times: 1 });
    await send(['/api/slow']);
    assert.equal((await results())[0].status, 200);
  });
});

describe('a session that is not enough', () => {
  /** The provider's word on when ada signed in: two hours ago, unless it was asked. */
  beforeEach(() => hostile(site.provider, {
    token: ({ json }) => {
      const claims = { auth_time: Math.floor(Date.now() / 1000) - (asked() ? 0 : 7200) };
      json.id_token = reissue(json.id_token, { key: site.provider.key, claims });
    },
  }));
  afterEach(() => hostile(site.provider));
  const asked = () => addresses.some((url) => url.startsWith(site.provider.issuer) && url.includes('max_age=3600'));
  let addresses;
  const watch = () => {
    addresses = [];
    somebody.context.on('request', (request) => void addresses.push(request.url()));
  };

  test('is stepped up in a window, for what asked for it; the session from before does not count as the new one', async () => {
    watch();
    await page.goto(`${site.url}/app`);
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/app`);
    await known('ada');
    assert.equal(asked(), false);
    await send(['/api/bills', { method: 'PUT', body: 'paid' }]);
    await dialog().waitFor();
    assert.match(await dialog().textContent(), /^Sign in again/);
    await page.waitForTimeout(3000);
    assert.equal(await dialog().count(), 1, 'polling finds the old session, and goes on');
    // The clock of sessions counts seconds, so the new one ends later than the old one.
    await somebody.context.clearCookies({ domain: 'localhost' });
    await signInThere('ada');
    assert.ok(asked());
    const [{ status, body }] = await results();
    assert.deepEqual([status, body.by, body.body], [200, 'ada', 'paid']);
    assert.equal(arrived.length, 1);
  });
});

describe('what changes something', () => {
  const bodies = {
    'a text': () => ({ body: 'a=1' }),
    'a form': () => ({ body: new URLSearchParams({ a: '1' }) }),
    'a file': () => ({ body: new Blob(['a=1'], { type: 'text/x-test' }) }),
    'bytes': () => ({ body: new TextEncoder().encode('a=1') }),
    'a request': () => new Request('/api/orders', { method: 'POST', body: 'a=1', headers: { 'content-type': 'text/x-test' } }),
    'a form with a file': () => {
      const body = new FormData();
      body.append('a', new File(['1'], 'a.txt'));
      return { body };
    },
  };

  test('is done once, as it was, when the same person signs in', async () => {
    await lateAda();
    const expected = await Promise.all(Object.values(bodies).map((make) => page.evaluate(`(async () => {
      const made = (${make})();
      window.results ??= [];
      window.results.push((made instanceof Request ? fetch(made) : fetch('/api/orders', { method: 'POST', ...made })).then(async (response) => ({ status: response.status, body: await response.json() })));
    })()`)));
    assert.equal(expected.length, 6);
    await dialog().waitFor();
    await signInThere('ada');
    const done = await results();
    assert.deepEqual(done.map(({ status, body }) => [status, body.by, body.method]), done.map(() => [200, 'ada', 'POST']));
    const [text, form, file, bytes, request, multipart] = done.map(({ body }) => body);
    assert.deepEqual([text.body, form.body, file.body, bytes.body, request.body], ['a=1', 'a=1', 'a=1', 'a=1', 'a=1']);
    assert.deepEqual([text.type, form.type, file.type, request.type], ['text/plain;charset=UTF-8', 'application/x-www-form-urlencoded;charset=UTF-8', 'text/x-test', 'text/x-test']);
    assert.match(multipart.body, /filename="a\.txt"[\s\S]*\r\n1\r\n/);
    assert.equal(arrived.length, 6, 'each once');
  });

  test('is not done when somebody else signs in; what is read is', async () => {
    await lateAda();
    await page.evaluate(() => portcullis.addEventListener('signedin', ({ detail }) => (window.detail = detail)));
    await send(['/api/orders', { method: 'POST', body: 'a=1' }], ['/api/orders', { method: 'DELETE' }], ['/api/orders']);
    await dialog().waitFor();
    await signInThere('bob');
    const [post, remove, get] = await results();
    assert.deepEqual([post.status, post.body.code, remove.status], [401, 'sign_in_required', 401]);
    assert.deepEqual([get.status, get.body.by], [200, 'bob']);
    assert.deepEqual(arrived.map(({ method }) => method), ['GET']);
    assert.deepEqual(await page.evaluate(() => [window.detail.person.subject, window.detail.same]), ['bob', false]);
  });

  test('is not done when nobody was known before', async () => {
    await page.goto(`${site.url}/open/`);
    await page.waitForFunction(() => window.portcullis);
    await send(['/api/orders', { method: 'POST', body: 'a=1' }], ['/api/orders']);
    await dialog().waitFor();
    assert.match(await dialog().textContent(), /^Sign in firstSign in to go on/);
    await signInThere('ada');
    assert.deepEqual((await results()).map(({ status }) => status), [401, 200]);
    assert.deepEqual(arrived.map(({ method }) => method), ['GET']);
  });

  test('is done once and not again, whatever the answer is', async () => {
    await lateAda();
    let asked = 0;
    const body = JSON.stringify({ status: 401, code: 'sign_in_required', title: 'Sign in first', login_url: `${site.url}/.auth/login` });
    await page.route('**/api/never', (route) => {
      asked += 1;
      return route.fulfill({ status: 401, contentType: 'application/problem+json', body });
    });
    await send(['/api/never', { method: 'POST' }]);
    await dialog().waitFor();
    await signInThere('ada');
    assert.equal((await results())[0].status, 401);
    assert.equal(asked, 2);
    assert.equal(await dialog().count(), 0);
  });
});

describe('what the script leaves alone', () => {
  /** Whether a dialog came; there is time enough for one. */
  async function isAsked() {
    await page.waitForTimeout(300);
    return (await dialog().count()) > 0;
  }

  test('another origin, even one that answers as the gate does', async () => {
    const elsewhere = createServer((request, response) => {
      const headers = { 'access-control-allow-origin': site.url, 'access-control-allow-credentials': 'true', 'access-control-expose-headers': '*' };
      response.writeHead(401, { ...headers, 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status: 401, code: 'sign_in_required', login_url: `${site.url}/.auth/login` }));
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    try {
      await lateAda();
      const url = `http://127.0.0.1:${elsewhere.address().port}/`;
      await send([url], [url, { credentials: 'include' }]);
      assert.deepEqual((await results()).map(({ status }) => status), [401, 401]);
      // The same, after a redirect of our own site's.
      await page.route('**/api/away', (route) => route.fulfill({ status: 302, headers: { location: url } }));
      await send(['/api/away']);
      assert.equal((await results())[0].status, 401);
      assert.equal(await isAsked(), false);
    } finally {
      elsewhere.close();
      elsewhere.closeAllConnections();
    }
  });

  test('a login that is not the gate’s', async () => {
    await lateAda();
    const logins = [
      'https://evil.example/.auth/login', '//evil.example/.auth/login', 'javascript:alert(1)//.auth/login', `${site.url}/.auth/logout`,
      `${site.url}/.auth/login/`, `${site.url}/.auth/login/../logout`, `${site.url}/members/login`, `${site.url}@evil.example/.auth/login`, `blob:${site.url}/.auth/login`, '', 'x',
    ];
    for (const login of logins) await send([`/api/problem?login_url=${encodeURIComponent(login)}`]);
    assert.equal((await results())[0].status, 401);
    assert.equal(await isAsked(), false);
    await send([`/api/problem?login_url=${encodeURIComponent(`${site.url}/.auth/login?x=y`)}`]);
    await dialog().waitFor();
  });

  test('requests that cannot be sent twice, without a session, or to other origins go out as they are', async () => {
    await page.addInitScript(() => {
      const { fetch } = window;
      window.calls = [];
      window.fetch = (...call) => {
        window.calls.push(call);
        return fetch(...call);
      };
    });
    await lateAda();
    const same = await page.evaluate(async () => {
      const inits = [{ method: 'POST', body: new ReadableStream(), duplex: 'half' }, { credentials: 'omit' }];
      const calls = [...inits.map((init) => ['/api/orders', init]), ['http://127.0.0.1:9/', {}], ['http://[', {}]];
      window.calls.length = 0;
      for (const call of calls) await portcullis.fetch(...call).catch(() => {});
      return calls.map(([input, init], rank) => window.calls[rank][0] === input && window.calls[rank][1] === init);
    });
    assert.deepEqual(same, [true, true, true, true]);
    assert.equal(await isAsked(), false);
  });

  test('a request that is given up while the dialog is open', async () => {
    await lateAda();
    await page.evaluate(() => {
      window.controller = new AbortController();
      window.results = [fetch('/api/orders', { signal: window.controller.signal }).catch((error) => error.name)];
    });
    await dialog().waitFor();
    await page.evaluate(() => window.controller.abort());
    assert.deepEqual(await results(), ['AbortError']);
  });
});

describe('a page of its own mind', () => {
  test('asks in its own way, with its own button', async () => {
    await lateAda();
    await page.evaluate(() => {
      portcullis.addEventListener('signinrequired', (event) => {
        event.preventDefault();
        window.detail = event.detail;
      });
      document.querySelector('button').onclick = () => (window.signedIn = portcullis.signIn({ provider: 'demo' }));
    });
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 401);
    assert.deepEqual(await page.evaluate(() => [window.detail.problem.code, window.detail.person.subject]), ['sign_in_required', 'ada']);
    assert.equal(await dialog().count(), 0);
    const opened = somebody.context.waitForEvent('page');
    await page.getByRole('button', { name: 'A button' }).click();
    const popup = await opened;
    await popup.locator('#password').waitFor();
    await somebody.signIn('ada', popup);
    assert.equal((await page.evaluate(() => window.signedIn)).subject, 'ada');
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 200);
  });

  test('signs in by leaving, or waits no longer', async () => {
    await page.goto(`${site.url}/open/page?a=b#c`);
    await page.waitForFunction(() => window.portcullis);
    assert.equal(await page.evaluate(() => portcullis.me()), null);
    await page.evaluate(() => void portcullis.signIn({ mode: 'redirect' }));
    await page.locator('#password').waitFor();
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/open/page?a=b#c`);
    await page.evaluate(() => (window.open = () => ({ closed: false, close() {} })));
    const ended = await page.evaluate(() => portcullis.signIn({ signal: AbortSignal.timeout(50) }));
    assert.equal(ended, null);
  });

  test('takes the script twice, and puts its own fetch back', async () => {
    await lateAda();
    const facts = await page.evaluate(async () => {
      const { portcullis } = window;
      const wrapped = window.fetch === portcullis.fetch;
      const undo = portcullis.wrap();
      await import('/.auth/client.js?again');
      undo();
      return [wrapped, window.portcullis === portcullis, window.fetch === portcullis.fetch, /native code/.test(window.fetch)];
    });
    assert.deepEqual(facts, [true, true, false, true]);
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 401);
    assert.equal(await dialog().count(), 0);
  });
});

nothingConfidentialIsLogged();
