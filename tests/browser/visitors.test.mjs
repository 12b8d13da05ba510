// What a visitor without a session gets, as a real browser asks for it: every row of the contract.
// Only a page that is opened in a tab may start a login.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { startBrowser } from './support/browser.mjs';
import { startElsewhere } from './support/elsewhere.mjs';

let site;
let browser;
let elsewhere;
let somebody;
let page;
before(async () => void ([site, browser, elsewhere] = await Promise.all([startSite(), startBrowser(), startElsewhere()])));
beforeEach(async () => {
  somebody = await browser.person();
  ({ page } = somebody);
  await page.goto(`${site.url}/`);
  await page.locator('#visitor a').waitFor();
  somebody.complaints.length = 0;
});
afterEach(() => somebody.close());
after(() => Promise.all([site.close(), browser.close(), elsewhere.close()]));

const started = () => site.logs.withCode('started').length;

/** `ask` gets its answer, and no login was started by it. */
async function withoutLogin(ask) {
  const before = started();
  const result = await ask();
  assert.deepEqual(await somebody.cookies(site.url), []);
  assert.equal(started(), before, 'no login was started');
  assert.ok(!somebody.visits.some((url) => url.startsWith(site.provider.issuer)));
  return result;
}

function assertProblem({ status, url, headers, problem }, path = '/members/') {
  assert.equal(status, 401);
  assert.equal(new URL(url).pathname, path, 'no redirect');
  assert.equal(headers['content-type'], 'application/problem+json');
  assert.match(headers['www-authenticate'], /^\w+ realm="/);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(problem.status, 401);
  assert.equal(problem.login_url, `${site.url}/.auth/login?return_to=${encodeURIComponent(path)}`);
}

test('a link that is followed: the provider’s sign-in page', async () => {
  await page.getByRole('link', { name: 'Handbook', exact: true }).click();
  await page.locator('#password').waitFor();
  assert.equal(new URL(page.url()).origin, site.provider.issuer);
});

test('a window that is opened, an address that a script goes to, a GET form: the same', async () => {
  const ways = [
    () => void location.assign('/members/'),
    () => document.body.appendChild(Object.assign(document.createElement('form'), { action: '/members/' })).submit(),
  ];
  for (const way of ways) {
    await page.goto(`${site.url}/`);
    await page.evaluate(way);
    await page.locator('#password').waitFor();
  }
  await page.goto(`${site.url}/`);
  const opened = somebody.context.waitForEvent('page');
  await page.evaluate(() => void open('/members/'));
  await (await opened).locator('#password').waitFor();
});

test('a link on another site: the same, for the Lax cookies are sent along', async () => {
  await page.goto(elsewhere.page(`<a href="${site.url}/members/#new">Go</a>`));
  await page.getByRole('link').click();
  await page.locator('#password').waitFor();
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}/members/#new`);
});

test('a page in a frame: 401, a page with a link that opens at the top and leads to the page', async () => {
  const answer = await withoutLogin(async () => {
    const response = page.waitForResponse((answer) => answer.url().startsWith(`${site.url}/members/`));
    await page.evaluate(() => document.body.prepend(Object.assign(document.createElement('iframe'), { src: '/members/#new', width: 500, height: 400 })));
    const frame = page.frameLocator('iframe');
    await frame.getByRole('heading', { name: 'Sign in first' }).waitFor();
    return response;
  });
  assert.equal(answer.status(), 401);
  assert.match(answer.headers()['content-type'], /^text\/html/);
  await page.frameLocator('iframe').getByRole('link', { name: 'Sign in' }).click();
  await page.locator('#password').waitFor();
  assert.equal(page.frames().length, 1, 'at the top');
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}/members/#new`);
});

test('RFC 9700 4.16: a page in a frame of another site: not shown at all', async () => {
  await withoutLogin(async () => {
    for (const path of ['/members/', '/.auth/login', '/.auth/logout', '/.auth/signed-out']) {
      somebody.complaints.length = 0;
      await page.goto(elsewhere.page(`<iframe src="${site.url}${path}"></iframe>`));
      await until(() => page.frames()[1].url() !== '');
      assert.match(page.frames()[1].url(), /^chrome-error:/, path);
      assert.match(somebody.complaints.join('\n'), /frame-ancestors/, path);
    }
  });
});

test('a form that is posted: 401, a page with the same link', async () => {
  const answer = await withoutLogin(async () => {
    const response = page.waitForResponse(`${site.url}/members/order`);
    await page.evaluate(() => document.body.appendChild(Object.assign(document.createElement('form'), { action: '/members/order', method: 'post' })).submit());
    await page.getByRole('heading', { name: 'Sign in first' }).waitFor();
    return response;
  });
  assert.deepEqual([answer.status(), answer.request().method()], [401, 'POST']);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.locator('#password').waitFor();
});

test('fetch: 401 with problem details, whatever it accepts and however it follows redirects', async () => {
  const asks = [{}, { redirect: 'manual' }, { redirect: 'error' }, { method: 'POST', body: 'x' }, { headers: { accept: 'text/html' } }, { mode: 'same-origin' }];
  for (const options of asks) {
    const answer = await withoutLogin(() => page.evaluate(async (init) => {
      const response = await fetch('/members/', init);
      return { status: response.status, url: response.url, headers: Object.fromEntries(response.headers), problem: await response.json() };
    }, options));
    assertProblem(answer);
  }
});

test('XMLHttpRequest: 401 with problem details', async () => {
  const answer = await withoutLogin(() => page.evaluate(() => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open('GET', '/members/api');
    request.onload = () => {
      const lines = request.getAllResponseHeaders().trim().split('\r\n').map((line) => line.split(': '));
      done({ status: request.status, url: request.responseURL, headers: Object.fromEntries(lines), problem: JSON.parse(request.responseText) });
    };
    request.send();
  })));
  assertProblem(answer, '/members/api');
});

test('an image, a style, a script, a sound: 401, and no login', async () => {
  const statuses = await statusByPath();
  const elements = { img: 'src', link: 'href', script: 'src', audio: 'src', embed: 'src', object: 'data' };
  await withoutLogin(async () => {
    await page.evaluate((names) => {
      for (const [tag, attribute] of Object.entries(names)) {
        const element = Object.assign(document.createElement(tag), tag === 'link' && { rel: 'stylesheet' });
        element.setAttribute(attribute, `/members/${tag}`);
        document.body.append(element);
      }
    }, elements);
    await until(() => Object.keys(statuses()).length === Object.keys(elements).length);
  });
  assert.deepEqual(statuses(), Object.fromEntries(Object.keys(elements).map((tag) => [`/members/${tag}`, 401])));
});

test('a WebSocket: the handshake is answered with 401', async () => {
  const event = await withoutLogin(() => page.evaluate(() => new Promise((done) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/members/live`);
    socket.onopen = () => done('open');
    socket.onclose = ({ code }) => done(`closed ${code}`);
  })));
  assert.equal(event, 'closed 1006');
  assert.match(somebody.complaints.join('\n'), /HTTP Authentication failed/);
});

test('an EventSource: 401, and it does not try again', async () => {
  let asked = 0;
  page.on('request', (request) => void (asked += request.url().endsWith('/members/events')));
  const state = await withoutLogin(() => page.evaluate(() => new Promise((done) => {
    const source = new EventSource('/members/events');
    source.onopen = () => done('open');
    source.onerror = () => setTimeout(() => done(source.readyState), 300);
  })));
  assert.equal(state, 2, 'closed for good');
  assert.equal(asked, 1);
});

test('a page that is prefetched, and a login that is: 401, and following the link then works', async () => {
  for (const path of ['/members/', '/.auth/login?return_to=%2Fmembers%2F']) {
    const devtools = await somebody.context.newCDPSession(page);
    await devtools.send('Preload.enable');
    const status = await withoutLogin(async () => {
      const prefetched = new Promise((done) => {
        devtools.on('Preload.prefetchStatusUpdated', ({ status, prefetchStatus, prefetchUrl }) => {
          if (prefetchUrl.endsWith(path) && ['Failure', 'Ready', 'Success'].includes(status)) done(prefetchStatus);
        });
      });
      await page.evaluate((url) => {
        const text = JSON.stringify({ prefetch: [{ urls: [url], eagerness: 'immediate' }] });
        document.body.append(Object.assign(document.createElement('script'), { type: 'speculationrules', text }));
      }, path);
      return prefetched;
    });
    assert.equal(status, 'PrefetchFailedNon2XX');
    await devtools.detach();
  }
  await page.getByRole('link', { name: 'Handbook', exact: true }).click();
  await page.locator('#password').waitFor();
});

test('<link rel=prefetch>: 401, and no login', async () => {
  const response = await withoutLogin(async () => {
    const asked = page.waitForResponse(`${site.url}/members/prefetched`);
    await page.evaluate(() => document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: '/members/prefetched' })));
    return asked;
  });
  assert.equal(response.status(), 401);
});

test('signed in, but not allowed: 403, a page for a person and problem details for a script, never a redirect', async () => {
  await page.goto(`${site.url}/members/`);
  await somebody.signIn('bob');
  await page.waitForURL(`${site.url}/members/`);
  const logins = started();
  const answer = await page.evaluate(async () => {
    const response = await fetch('/admin/');
    return { status: response.status, redirected: response.redirected, type: response.headers.get('content-type'), code: (await response.json()).code };
  });
  assert.deepEqual(answer, { status: 403, redirected: false, type: 'application/problem+json', code: 'not_allowed' });
  const response = await page.goto(`${site.url}/admin/`);
  assert.deepEqual([response.status(), page.url()], [403, `${site.url}/admin/`]);
  await page.getByRole('link', { name: 'Use another account' }).waitFor();
  assert.equal(started(), logins);
});

/** What the network answers, by path, also where the page never gets to see it; the two events come in any order. */
async function statusByPath() {
  const devtools = await somebody.context.newCDPSession(page);
  const paths = new Map();
  const statuses = new Map();
  devtools.on('Network.requestWillBeSent', ({ requestId, request }) => paths.set(requestId, new URL(request.url).pathname));
  devtools.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => statuses.set(requestId, statusCode));
  await devtools.send('Network.enable');
  return () => Object.fromEntries([...statuses].filter(([id]) => paths.has(id)).map(([id, status]) => [paths.get(id), status]));
}

async function until(holds) {
  for (let round = 0; round < 100 && !holds(); round += 1) await page.waitForTimeout(50);
}

nothingConfidentialIsLogged();
