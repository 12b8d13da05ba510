// The client script in a real browser: sessions that end under an open page, and what comes of it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { hostile } from '../worker/provider/support/hostile.mjs';
import { reissue } from '../worker/provider/support/token.mjs';
import { arrived, button, complaints, dialog, known, lateAda, page, results, send, signInThere, site, somebody } from './support/open-page.mjs';

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

  for (const [what, name] of [
    ['would turn the rest of the sentence round', '\u200b\u202e'],
    ['has no ink', '\u00ad\u034f\u115f\u1160\u180e\u2800\u3164\ufeff\uffa0\u0007 \u200d \u200c\ufe0f\u{e0020}\u17b4\u180b\ufffa\u{1bca1}\u{1d159}\u{1d173}'],
  ]) {
    test(`a name that ${what} is not shown`, async () => {
      await somebody.context.route('**/.auth/me', async (route) => {
        const response = await route.fetch();
        if (!response.ok()) return route.fulfill({ response });
        await route.fulfill({ response, json: { ...(await response.json()), name, email: 'bob\u202ex\u2069\u202e@skep.example' } });
      });
      await lateAda();
      await send(['/api/orders']);
      await dialog().waitFor();
      assert.match(await dialog().textContent(), /You were signed in as bobx@skep\.example\. Sign in to go on/);
    });
  }

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

  test('a window that was left open does not stand for another login', async () => {
    await lateAda();
    await send(['/api/orders']);
    const opened = somebody.context.waitForEvent('page');
    await button('Sign in').click();
    const left = await opened;
    await left.locator('#password').waitFor();
    await button('Not now').click();
    await page.evaluate(() => (document.documentElement.onclick = () => void portcullis.signIn({ prompt: 'login' })));
    const [another] = await Promise.all([somebody.context.waitForEvent('page'), page.mouse.click(5, 5)]);
    await another.locator('#password').waitFor();
    await page.evaluate(() => (document.documentElement.onclick = undefined));
    await Promise.all([left.close(), another.close()]);
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

nothingConfidentialIsLogged();
