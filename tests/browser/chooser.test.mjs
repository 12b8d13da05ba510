// Several ways to sign in: the chooser keeps the page, its query and its fragment.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { startBrowser } from './support/browser.mjs';

let site;
let browser;
const people = [];
before(async () => {
  [site, browser] = await Promise.all([startSite({ providers: { work: {}, guests: {} } }), startBrowser()]);
});
afterEach(() => Promise.all(people.splice(0).map((person) => person.close())));
after(() => Promise.all([site.close(), browser.close()]));

const PAGE = '/members/reading-the-curve?hive=7';

async function person(options) {
  const somebody = await browser.person(options);
  people.push(somebody);
  return somebody;
}

test('the fragment survives the choice, whatever pages of the site have stored', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}/.auth/signed-out`);
  await ada.page.evaluate(() => ['', 'undefined', 'null'].forEach((key) => sessionStorage.setItem(`portcullis:${key}`, '#wrong')));
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await ada.page.getByRole('link', { name: 'Provider guests' }).click();
  await ada.page.locator('#password').waitFor();
  assert.equal(new URL(ada.page.url()).origin, site.providers.guests.issuer);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  assert.deepEqual(ada.complaints, []);
});

test('back from the provider, and the other one: the fragment is still there', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.getByRole('link', { name: 'Provider guests' }).click();
  await ada.page.locator('#password').waitFor();
  await ada.page.goBack();
  await ada.page.getByRole('link', { name: 'Provider work' }).click();
  await ada.page.locator('#password').waitFor();
  assert.equal(new URL(ada.page.url()).origin, site.providers.work.issuer);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
});

test('by keyboard alone: the choices are the first stops, and Enter takes one', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.keyboard.press('Tab');
  assert.equal(await ada.page.evaluate(() => document.activeElement.textContent), 'Provider work');
  await ada.page.keyboard.press('Tab');
  assert.equal(await ada.page.evaluate(() => document.activeElement.textContent), 'Provider guests');
  await ada.page.keyboard.press('Enter');
  await ada.page.locator('#password').waitFor();
  assert.equal(new URL(ada.page.url()).origin, site.providers.guests.issuer);
});

test('without scripts it works too, without the fragment', async () => {
  const ada = await person({ javaScriptEnabled: false });
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.getByRole('link', { name: 'Provider work' }).click();
  await ada.page.waitForURL(`${site.providers.work.issuer}/**`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}*`);
});

test('another account: the choice of a provider, and then of an account, and the fragment is still there', async () => {
  const bob = await person();
  await bob.page.goto(`${site.url}/members/`);
  await bob.page.getByRole('link', { name: 'Provider work' }).click();
  await bob.signIn('bob');
  await bob.page.waitForURL(`${site.url}/members/`);
  await bob.page.goto(`${site.url}/admin/#keys`);
  await bob.page.getByRole('link', { name: 'Use another account' }).click();
  await bob.page.getByRole('link', { name: 'Provider work' }).click();
  await bob.page.getByRole('heading', { name: 'Choose an account' }).waitFor();
  await bob.signIn('ada');
  await bob.page.waitForURL(`${site.url}/admin/#keys`);
});

nothingConfidentialIsLogged();
