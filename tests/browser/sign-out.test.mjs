// Signing out, as a person does it in a real browser: here, and at the provider by way of a form that
// our own policy must let through.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { hostile } from '../worker/provider/support/hostile.mjs';
import { freePort, startSite } from '../worker/provider/support/site.mjs';
import { startBrowser } from './support/browser.mjs';

let site;
let browser;
let ada;
let page;
before(async () => {
  // The second registration finds metadata without a logout.
  const providers = { demo: {}, plain: { at: 'demo' } };
  [site, browser] = await Promise.all([startSite({ providers, gate: { kv: false } }), startBrowser()]);
});
beforeEach(async () => {
  ada = await browser.person();
  ({ page } = ada);
});
afterEach(async () => {
  hostile(site.provider);
  await ada.close();
});
after(() => Promise.all([site.close(), browser.close()]));

async function signIn(provider) {
  await page.goto(`${site.url}/.auth/login?provider=${provider}&return_to=/members/`);
  await ada.signIn('ada');
  await page.waitForURL(`${site.url}/members/`);
}

async function askToSignOut() {
  await page.locator('#visitor').getByRole('link', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign out?' }).waitFor();
  assert.match(await page.textContent('main'), /Ada Lindqvist|ada@example\.com/);
  await page.getByRole('button', { name: 'Sign out' }).click();
}

const ours = async () => (await ada.cookies(`${site.url}/.auth/logout`)).filter((name) => name.startsWith('portcullis'));

test('here and at the provider: the form leads there, it asks, and the way ends on our page', async () => {
  await signIn('demo');
  assert.deepEqual((await ours()).filter((name) => !name.includes('login')).sort(), ['portcullis', 'portcullis-hint']);
  await askToSignOut();
  await page.getByRole('heading', { name: 'Sign out here as well?' }).waitFor();
  assert.equal(new URL(page.url()).origin, site.provider.issuer);
  assert.deepEqual(await ours(), [], 'here it is done');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL(`${site.url}/.auth/signed-out*`);
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  assert.deepEqual(ada.complaints, [], 'no policy was in the way');

  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Provider demo' }).click();
  await page.locator('#password').waitFor();
});

test('a provider that sends on to another host, as one does that others sign in for', async () => {
  await signIn('demo');
  // Nobody listens there, which the browser finds out only where a policy lets it go there.
  const next = `https://127.0.0.1:${await freePort()}/signed-out`;
  hostile(site.provider, { logout: (answer) => Object.assign(answer, { status: 302, headers: { location: next }, body: '' }) });
  const gone = page.waitForEvent('requestfailed', (request) => request.url() === next);
  await askToSignOut();
  assert.match((await gone).failure().errorText, /ERR_CONNECTION_REFUSED/);
  assert.deepEqual(await ours(), []);
});

test('who stays signed in at the provider is signed out here all the same', async () => {
  await signIn('demo');
  await askToSignOut();
  await page.getByRole('button', { name: 'Stay signed in' }).click();
  await page.waitForURL(`${site.url}/.auth/signed-out*`);
  assert.deepEqual(await ours(), []);
  await page.goto(`${site.url}/.auth/login?provider=demo&return_to=/members/`);
  await page.waitForURL(`${site.url}/members/`);
});

test('a provider without a logout: signed out here, at once', async () => {
  hostile(site.provider, { metadata: ({ json }) => void delete json.end_session_endpoint });
  await signIn('plain');
  await askToSignOut();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  assert.equal(page.url(), `${site.url}/.auth/signed-out`);
  assert.deepEqual(await ours(), []);
  assert.deepEqual(ada.complaints, []);
});

test('a provider that is down when the button is pressed does not keep anybody signed in', async () => {
  await signIn('demo');
  hostile(site.provider, { logout: (answer) => Object.assign(answer, { send: (response) => response.destroy() }) });
  const failed = page.waitForEvent('requestfailed', (request) => request.url().startsWith(`${site.provider.issuer}/session/end`));
  await askToSignOut();
  assert.match((await failed).failure().errorText, /ERR_EMPTY_RESPONSE/);
  assert.deepEqual(await ours(), []);
  // In this tab the browser's own page of the error may still be on its way.
  assert.equal((await (await ada.newTab()).goto(`${site.url}/.auth/me`)).status(), 401);
});

test('"Stay" leads to the home page, signed in', async () => {
  await signIn('demo');
  await page.goto(`${site.url}/.auth/logout`);
  await page.getByRole('link', { name: 'Stay' }).click();
  await page.waitForURL(`${site.url}/`);
  await page.locator('#visitor .who').waitFor();
});

test('another tab is signed out with it, and says so when it is used', async () => {
  await signIn('demo');
  const tab = await ada.newTab();
  await tab.goto(`${site.url}/members/api`);
  await askToSignOut();
  await page.getByRole('heading', { name: 'Sign out here as well?' }).waitFor();
  assert.equal(await tab.evaluate(async () => (await fetch('/members/')).status), 401);
});

test('another site’s form signs nobody out', async () => {
  await signIn('demo');
  await ada.context.route('http://evil.localhost/', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<form method="post" action="${site.url}/.auth/logout"><button>Win</button></form>`,
  }));
  await page.goto('http://evil.localhost/');
  await page.getByRole('button').click();
  await page.getByRole('heading', { name: 'You are still signed in' }).waitFor();
  assert.ok((await ours()).includes('portcullis'));
  assert.equal((await page.goto(`${site.url}/members/`)).status(), 200);
});

nothingConfidentialIsLogged();
