// A site whose service worker passes everything on, as those of installable apps do: what it asks for in its
// browser's place has no destination, and the login goes on all the same.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Response } from 'miniflare';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { startBrowser } from './support/browser.mjs';
import { startElsewhere } from './support/elsewhere.mjs';

const WORKER = `addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));`;
const PAGE = '<!doctype html><title>An app</title><form method="post" action="/app"><button>Send</button></form>';
const posted = [];

function answer(request) {
  if (request.method === 'POST') posted.push(request.url);
  const [type, text] = request.url.endsWith('/worker.js') ? ['text/javascript', WORKER] : ['text/html', PAGE];
  return new Response(text, { headers: { 'content-type': type } });
}

let site;
let browser;
let elsewhere;
let somebody;
let page;
before(async () => {
  [site, browser, elsewhere] = await Promise.all([
    startSite({
      settings: { origin: { service: 'APP' }, rules: [{ path: '/open/**', sso: false }, { path: '/*.js', sso: false }] },
      gate: { origin: { assets: false, services: { APP: answer } } },
    }),
    startBrowser(),
    startElsewhere(),
  ]);
});
beforeEach(async () => {
  posted.length = 0;
  somebody = await browser.person();
  ({ page } = somebody);
  await page.goto(`${site.url}/open/`);
  await page.evaluate(async () => {
    const taken = new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }));
    await navigator.serviceWorker.register('/worker.js');
    await taken;
  });
});
afterEach(() => somebody.close());
after(() => Promise.all([site.close(), browser.close(), elsewhere.close()]));

async function signedIn() {
  await page.goto(`${site.url}/app?hive=7#swarm`);
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}/app?hive=7#swarm`);
}

test('a page: the login, and back with query and fragment; and the way out', async () => {
  await signedIn();
  await page.goto(`${site.url}/.auth/logout`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign out here as well?' }).waitFor();
  assert.deepEqual((await somebody.cookies(site.url)).filter((name) => name.startsWith('portcullis')), []);
});

test('a script still gets a 401', async () => {
  const answers = await page.evaluate(() => Promise.all([{}, { mode: 'same-origin' }, { mode: 'same-origin', headers: { accept: 'text/html' } }].map(async (init) => (await fetch('/app', init)).status)));
  assert.deepEqual(answers, [401, 401, 401]);
});

test('a form of the site is taken, one of a sibling host is not, nor does it sign anybody out', async () => {
  await signedIn();
  const send = async (path) => {
    const done = page.waitForResponse((response) => response.request().method() === 'POST' && response.url() === `${site.url}${path}`);
    await page.getByRole('button', { name: 'Send' }).click();
    return (await done).status();
  };
  assert.equal(await send('/app'), 200);
  for (const path of ['/app', '/.auth/logout']) {
    // Another port of the same host: our cookies are sent along.
    const form = elsewhere.page(`<form method="post" action="${site.url}${path}"><button>Send</button></form>`);
    await page.goto(form.replace('localhost', '127.0.0.1'));
    assert.equal(await send(path), 403);
  }
  assert.equal(posted.length, 1);
  assert.ok((await somebody.cookies(site.url)).includes('portcullis'));
});

nothingConfidentialIsLogged();
