// What the parts of a page get in a real Firefox – frames, scripts, forms, workers, windows – and that the gate's own
// pages leave its console empty.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Response } from 'miniflare';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { until } from './support/bidi.mjs';
import { startElsewhere } from './support/elsewhere.mjs';
import { startFirefox } from './support/firefox.mjs';

const WORKER = `addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));`;
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title><link rel="icon" href="data:,">
<h1>An app</h1><form method="post" action="/app"><button>Send</button></form>`;
const CLIENT = '<script src="/.auth/client.js" defer></script>';
const posted = [];

/** An app of one page, with an interface that says who asks. */
function answer(request) {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith('/api/')) return Response.json({ by: request.headers.get('x-auth-subject') });
  if (request.method === 'POST') posted.push(pathname);
  const [type, text] = pathname === '/worker.js' ? ['text/javascript', WORKER] : ['text/html; charset=utf-8', PAGE + (pathname === '/client' ? CLIENT : '')];
  return new Response(text, { headers: { 'content-type': type, ...(pathname === '/kept' && { 'cache-control': 'max-age=600' }) } });
}

let site;
let apps;
let firefox;
let elsewhere;
let somebody;
let page;
before(async () => {
  // First and alone: where it does not start, nothing stays that would have to be closed.
  firefox = await startFirefox();
  [site, apps, elsewhere] = await Promise.all([
    startSite(),
    startSite({
      settings: { origin: { service: 'APP' }, rules: [{ path: '/open/**', sso: false }, { path: '/*.js', sso: false }] },
      gate: { origin: { assets: false, services: { APP: answer } } },
    }),
    startElsewhere(),
  ]);
});
beforeEach(async () => {
  posted.length = 0;
  somebody = await firefox.person();
  ({ page } = somebody);
});
afterEach(() => somebody?.close());
after(() => Promise.all([site, apps, elsewhere, firefox].map((one) => one?.close())));

const started = () => site.logs.withCode('started').length;

/** What `ask` sends for `path` is answered with 401 as `kind` says it is asked for, and no login is started by it. */
async function assertNoLogin(path, kind, ask) {
  const before = started();
  const result = await ask();
  const asked = await until(() => somebody.requests.find(({ url }) => url === `${site.url}${path}`), `an answer to ${path}`);
  const { status, headers } = asked;
  assert.deepEqual([status, `${headers['sec-fetch-mode']} ${headers['sec-fetch-dest']}`], [401, kind], path);
  assert.deepEqual(await somebody.cookies(site.url), []);
  assert.equal(started(), before, 'no login was started');
  assert.ok(!somebody.visits.some((url) => url.startsWith(site.provider.issuer)));
  somebody.requests.length = 0;
  return result;
}

/** Puts an element into the page. */
const put = (tag, properties) => page.evaluate((name, values) => void document.body.prepend(Object.assign(document.createElement(name), values)), tag, properties);

describe('without a session', () => {
  beforeEach(() => page.goto(`${site.url}/`));

  test('a page in a frame: 401, a page with a link that opens at the top and leads to the page', async () => {
    const frame = await assertNoLogin('/members/', 'navigate iframe', async () => {
      await put('iframe', { src: '/members/#new', width: 500, height: 400 });
      const [opened] = await until(async () => (await page.frames()).length && page.frames(), 'a frame');
      await opened.heading('Sign in first');
      return opened;
    });
    await frame.click('a', 'Sign in');
    await page.find('#password');
    assert.equal((await page.frames()).length, 0, 'at the top');
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/members/#new`);
    assert.deepEqual(await somebody.complaints(), []);
  });

  test('RFC 9700 4.16: a page in a frame of another site: not shown at all', async () => {
    for (const path of ['/members/', '/.auth/login', '/.auth/logout']) {
      const before = (await somebody.complaints()).length;
      await page.goto(elsewhere.page('<link rel="icon" href="data:,"><body>'));
      // Not with the page: where a frame is refused before its page is complete, Firefox takes the page for refused.
      await put('iframe', { src: `${site.url}${path}` });
      const [frame] = await until(async () => (await page.frames()).length && page.frames(), 'a frame');
      await frame.waitFor(() => document.documentURI.startsWith('about:neterror?e=cspBlocked'));
      await until(async () => (await somebody.complaints()).slice(before).some((text) => text.includes('frame-ancestors')), `a word on ${path}`);
    }
    assert.deepEqual(await somebody.cookies(site.url), []);
  });

  test('a form that is posted: 401, a page with the same link', async () => {
    await assertNoLogin('/members/order', 'navigate document', async () => {
      await page.evaluate(() => document.body.appendChild(Object.assign(document.createElement('form'), { action: '/members/order', method: 'post' })).submit());
      await page.heading('Sign in first');
    });
    await page.click('a', 'Sign in');
    await page.find('#password');
    assert.deepEqual(await somebody.complaints(), []);
  });

  test('fetch and XMLHttpRequest: 401 with problem details, whatever they accept, never a redirect', async () => {
    const asks = [[{}, 'cors'], [{ redirect: 'error' }, 'cors'], [{ headers: { accept: 'text/html' } }, 'cors'], [{ mode: 'same-origin' }, 'same-origin'], [{ method: 'POST', body: 'x' }, 'cors']];
    for (const [options, mode] of asks) {
      const { type, problem, ...seen } = await assertNoLogin('/members/', `${mode} empty`, () => page.evaluate(async (init) => {
        const response = await fetch('/members/', init);
        const { status, redirected, headers } = response;
        return { status, redirected, type: headers.get('content-type'), problem: await response.json() };
      }, options));
      assert.deepEqual([seen, type], [{ status: 401, redirected: false }, 'application/problem+json']);
      assert.equal(problem.login_url, `${site.url}/.auth/login?return_to=%2Fmembers%2F`);
    }
    const [url, problem] = await assertNoLogin('/members/api', 'cors empty', () => page.evaluate(() => new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open('GET', '/members/api');
      request.onload = () => done([request.responseURL, JSON.parse(request.responseText)]);
      request.send();
    })));
    assert.deepEqual([url, problem.status], [`${site.url}/members/api`, 401]);
  });

  test('an image, a script, a page that is prefetched, a WebSocket: 401, and no login', async () => {
    await assertNoLogin('/members/image', 'no-cors image', () => put('img', { src: '/members/image' }));
    await assertNoLogin('/members/script', 'no-cors script', () => put('script', { src: '/members/script' }));
    await assertNoLogin('/members/next', 'no-cors empty', () => put('link', { rel: 'prefetch', href: '/members/next' }));
    const closed = await page.evaluate(() => new Promise((done) => (new WebSocket(`${location.origin.replace('http', 'ws')}/members/live`).onclose = ({ code }) => done(code))));
    assert.equal(closed, 1006);
  });

  test('the gate’s own pages: nothing in the console', async () => {
    const pages = {
      '/.auth/logout': 'Sign out?',
      '/.auth/signed-out': 'You are signed out',
      '/.auth/nothing': 'Page not found',
      '/.auth/callback?code=x': 'This sign-in cannot be continued',
      '/.auth/login?provider=nobody': 'Unknown sign-in',
      '/members/%00': 'This address cannot be opened',
    };
    for (const [path, heading] of Object.entries(pages)) {
      await page.goto(`${site.url}${path}`);
      await page.heading(heading);
    }
    await page.goto(site.url.replace('127.0.0.1', 'localhost'));
    await page.heading('Wrong address');
    await page.goto(`${site.url}/members/`);
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/members/`);
    await page.goto(`${site.url}/.auth/signed-in`);
    await page.heading('You are signed in');
    assert.deepEqual(await somebody.complaints(), []);
    // It is the last page of a pop-up, which this tab is not.
    assert.equal(await page.url(), `${site.url}/.auth/signed-in`);
  });
});

describe('a page under a service worker that passes everything on', () => {
  beforeEach(async () => {
    await page.goto(`${apps.url}/open/`);
    await page.evaluate(async () => {
      const taken = new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }));
      await navigator.serviceWorker.register('/worker.js');
      await taken;
    });
    await page.goto(`${apps.url}/app?hive=7#swarm`);
    await somebody.signIn('ada');
    await page.waitForURL(`${apps.url}/app?hive=7#swarm`);
  });

  test('leads to the login, and back with query and fragment; and the way out', async () => {
    assert.equal(await page.evaluate(() => navigator.serviceWorker.controller.state), 'activated');
    await page.goto(`${apps.url}/.auth/logout`);
    await page.click('button', 'Sign out');
    await page.heading('Sign out here as well?');
    assert.deepEqual((await somebody.cookies(apps.url)).filter((name) => name.startsWith('portcullis')), []);
    assert.deepEqual(await somebody.complaints(), []);
  });

  test('may send a form of the site, and none of a sibling host, which signs nobody out either', async () => {
    await page.click('button', 'Send');
    await until(() => posted.length === 1, 'the form');
    await page.waitForURL(`${apps.url}/app`);
    for (const path of ['/app', '/.auth/logout']) {
      // Another port of the same host: our cookies are sent along.
      const form = elsewhere.page(`<form method="post" action="${apps.url}${path}"><button>Send</button></form>`);
      await page.goto(form.replace('localhost', '127.0.0.1'));
      await page.click('button', 'Send');
      await page.waitForURL(`${apps.url}${path}`);
      assert.match(await page.evaluate(() => document.querySelector('footer code').textContent), /cross_site/);
    }
    assert.deepEqual(posted, ['/app']);
    assert.ok((await somebody.cookies(apps.url)).includes('portcullis'));
  });
});

test('a page that the browser may keep: after signing out it is not shown again when it is reloaded', async () => {
  await page.goto(`${apps.url}/kept`);
  await somebody.signIn('ada');
  await page.waitForURL(`${apps.url}/kept`);
  await page.goto(`${apps.url}/.auth/logout`);
  await page.click('button', 'Sign out');
  await page.heading('Sign out here as well?');
  await page.click('button', 'Sign out');
  await page.heading('You are signed out');
  somebody.requests.length = 0;
  await page.goto(`${apps.url}/kept`);
  await page.heading('An app');
  // It was kept, as the origin allows; otherwise this test would say nothing.
  assert.deepEqual(somebody.requests.filter(({ url }) => url === `${apps.url}/kept`).map(({ status }) => status), [200]);
  await page.reload();
  await page.find('#password');
});

describe('the client script', () => {
  beforeEach(async () => {
    await page.goto(`${apps.url}/client`);
    await somebody.signIn('ada');
    await page.waitForURL(`${apps.url}/client`);
    await page.waitFor(async () => (await window.portcullis?.me())?.subject === 'ada');
    await somebody.forget('');
  });

  test('offers to sign in, in a window that a click opens, and the request is answered as if nothing had been', async () => {
    await page.evaluate(() => {
      window.portcullis.wrap();
      window.result = fetch('/api/orders').then(async (response) => [response.status, await response.json()]);
    });
    await page.heading('Your session has ended');
    const popup = await somebody.window(() => page.click('dialog button', 'Sign in'));
    await popup.find('#password');
    assert.equal(await popup.evaluate(() => window.opener), null);
    await somebody.signIn('ada', popup);
    assert.deepEqual(await page.evaluate(() => window.result), [200, { by: 'ada' }]);
    await popup.waitForClose();
    assert.equal(await page.url(), `${apps.url}/client`, 'nobody left the page');
    await page.waitFor(() => !document.querySelector('body > div'));
    assert.deepEqual(await somebody.complaints(), []);
  });

  test('leaves the page where Firefox opens no window, since nobody clicked; and comes back to it', async () => {
    await page.evaluate(() => {
      location.hash = 'swarm';
      window.portcullis.signIn();
    });
    await page.find('#password');
    assert.equal(somebody.tabs.length, 1);
    await somebody.signIn('ada');
    await page.waitForURL(`${apps.url}/client#swarm`);
  });
});

nothingConfidentialIsLogged();
