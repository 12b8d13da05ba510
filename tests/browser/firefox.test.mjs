// Signing in and out in a real Firefox: the flows of a person, whose browser differs in what it keeps, carries along,
// shows again and complains about.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { startFirefox } from './support/firefox.mjs';

const PICTURES = join(root, 'tests/output/screenshots');
const PAGE = '/members/reading-the-curve?hive=7&week=a%20b';

let site;
let firefox;
const people = [];
before(async () => {
  await mkdir(PICTURES, { recursive: true });
  await writeFile(join(root, 'tests/output/.gitignore'), '*\n');
  // First and alone: where it does not start, nothing stays that would have to be closed.
  firefox = await startFirefox();
  site = await startSite();
});
afterEach(() => Promise.all(people.splice(0).map((person) => person.close())));
after(() => Promise.all([site?.close(), firefox?.close()]));

async function person(browser = firefox) {
  const somebody = await browser.person();
  people.push(somebody);
  return somebody;
}

/** Somebody who is signed in, at this page. */
async function signedIn(user, path = '/members/') {
  const somebody = await person();
  await somebody.page.goto(`${site.url}${path}`);
  await somebody.signIn(user);
  await somebody.page.waitForURL(`${site.url}${path}`);
  return somebody;
}

const whoIsShown = (page) => page.waitFor(() => document.querySelector('#visitor .who')?.textContent);
const callbacks = (visits) => visits.filter((url) => url.includes('/.auth/callback?')).length;
const picture = async (page, name) => writeFile(join(PICTURES, `firefox-${name}.png`), await page.screenshot());

/** The provider asks who it is. */
async function assertAsked(page) {
  await page.find('#password');
  assert.equal(new URL(await page.url()).origin, site.provider.issuer);
}

test('a page with a query and a fragment: ada signs in, and is there: scrolled to it, without a click', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await assertAsked(ada.page);
  assert.equal(new URL(await ada.page.url()).hash, '', 'the fragment stays at home');
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  assert.equal(await whoIsShown(ada.page), 'Ada Lindqvist');
  await ada.page.waitFor(() => scrollY > 0);
  assert.equal(await ada.page.evaluate(() => sessionStorage.length), 0, 'nothing is left behind');
  for (const url of ada.visits.filter((visit) => visit.startsWith(site.provider.issuer))) assert.ok(!decodeURIComponent(url).includes('swarm'), url);
  assert.equal(callbacks(ada.visits), 1);
  assert.deepEqual(await ada.complaints(), []);
});

test('two tabs at once: each ends at its own page with its own fragment', async () => {
  const ada = await person();
  const tabs = [ada.page, await ada.newTab()];
  const pages = [`${site.url}/members/setting-up#stand`, `${site.url}/members/api#ranges`];
  await Promise.all(tabs.map((tab, rank) => tab.goto(pages[rank])));
  for (const [rank, tab] of [...tabs.entries()].reverse()) {
    await ada.signIn('ada', tab);
    await tab.waitForURL(pages[rank]);
  }
  assert.deepEqual(await ada.complaints(), []);
});

test('the back button after a login leads to no error and to no second login', async () => {
  const ada = await person();
  const finished = site.logs.withCode('finished').length;
  await ada.page.goto(`${site.url}/`);
  await ada.page.goto(`${site.url}/members/#new`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}/members/#new`);
  const history = [];
  for (let step = 0; step < 4 && history.at(-1) !== `${site.url}/`; step += 1) {
    await ada.page.step(-1);
    // Where the way goes on by itself, it does so before long.
    await new Promise((done) => setTimeout(done, 400));
    history.push(await ada.page.waitForURL(() => true));
    await ada.page.waitFor(() => !document.querySelector('footer code')).catch((error) => assert.fail(`a page of the gate's with an error: ${history.join('\n')}\n${error.message}`));
  }
  assert.equal(history.at(-1), `${site.url}/`, history.join('\n'));
  await ada.page.step(1);
  await ada.page.waitForURL((url) => url !== `${site.url}/`);
  assert.ok((await ada.cookies(site.url)).includes('portcullis'));
  assert.equal(site.logs.withCode('finished').length, finished + 1, 'one login');
});

test('the callback loaded again: on to the page, as often as one likes', async () => {
  const finished = site.logs.withCode('finished').length;
  const ada = await signedIn('ada', `${PAGE}#swarm`);
  const callback = ada.visits.find((url) => url.includes('/.auth/callback?'));
  for (let time = 0; time < 3; time += 1) {
    await ada.page.goto(callback);
    await ada.page.waitForURL((url) => url.startsWith(`${site.url}${PAGE}`));
  }
  assert.equal(site.logs.withCode('finished').length, finished + 1, 'one login');
  assert.deepEqual(await ada.complaints(), []);
});

test('a sign-in page whose pending login is gone: signing in there still leads to the page', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.find('#password');
  await ada.forget('portcullis-login-');
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  assert.equal(callbacks(ada.visits), 2, 'one silent restart');
});

test('bob is refused in the workshop, reads who he is, and ada takes over from there', async () => {
  const somebody = await signedIn('bob');
  const { page } = somebody;
  await page.goto(`${site.url}/admin/keys?sort=age#newest`);
  await page.heading('You cannot open this page');
  assert.match(await page.evaluate(() => document.querySelector('main').textContent), /Bob Ferreira|bob@example\.com/);
  await picture(page, 'not-allowed');
  await page.click('a', 'Use another account');
  await page.heading('Choose an account');
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}/admin/keys?sort=age#newest`);
  await page.reload();
  assert.equal(await whoIsShown(page), 'Ada Lindqvist');
  assert.equal(somebody.requests.find(({ url }) => url.includes('/admin/keys')).status, 403);
  assert.deepEqual(await somebody.complaints(), []);
});

test('a browser that keeps no cookies but the provider’s: a page that says so, and no loop', async () => {
  const strict = await startFirefox({ cookiesOf: site.provider.issuer });
  try {
    const ada = await person(strict);
    await ada.page.goto(`${site.url}${PAGE}#swarm`);
    await ada.signIn('ada');
    await ada.page.heading('Your browser does not keep cookies');
    await picture(ada.page, 'login-not-kept');
    assert.equal(callbacks(ada.visits), 2);
    const visits = ada.visits.length;
    await new Promise((done) => setTimeout(done, 500));
    assert.equal(ada.visits.length, visits, 'nothing goes on by itself');
    assert.deepEqual(await ada.cookies(site.url), []);
    // Trying again is one more round, and no more.
    await ada.page.click('a', 'Try again');
    await ada.page.waitForURL(() => callbacks(ada.visits) === 4);
    await ada.page.heading('Your browser does not keep cookies');
    await new Promise((done) => setTimeout(done, 500));
    assert.equal(callbacks(ada.visits), 4);
    assert.deepEqual(await ada.complaints(), []);
    await people.pop().close();
  } finally {
    await strict.close();
  }
});

/** From the page that is shown, by its link, to where the provider asks. */
async function askToSignOut(page) {
  await page.click('#visitor a', 'Sign out');
  await page.heading('Sign out?');
  assert.match(await page.evaluate(() => document.querySelector('main').textContent), /Ada Lindqvist|ada@example\.com/);
  await page.click('button', 'Sign out');
  await page.heading('Sign out here as well?');
}

test('signing out: the form leads to the provider, the way ends on our page, and the next page asks again', async () => {
  const ada = await signedIn('ada');
  await askToSignOut(ada.page);
  assert.equal(new URL(await ada.page.url()).origin, site.provider.issuer);
  const ours = (await ada.cookies(site.url)).filter((name) => name.startsWith('portcullis'));
  assert.deepEqual(ours, [], 'here it is done');
  await ada.page.click('button', 'Sign out');
  await ada.page.waitForURL((url) => url.startsWith(`${site.url}/.auth/signed-out`));
  await ada.page.heading('You are signed out');
  assert.deepEqual(await ada.complaints(), [], 'no policy was in the way');
  await ada.page.goto(`${site.url}/members/`);
  await assertAsked(ada.page);
});

test('after signing out, the back button may show what was shown, and a reload asks', async () => {
  const { page } = await signedIn('ada');
  await askToSignOut(page);
  await page.click('button', 'Sign out');
  await page.heading('You are signed out');
  // Past the provider's question and ours.
  await page.step(-3);
  await page.waitForURL(`${site.url}/members/`);
  await page.reload();
  await assertAsked(page);
});

nothingConfidentialIsLogged();
