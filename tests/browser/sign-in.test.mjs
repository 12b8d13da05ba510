// Signing in, as a person does it in a real browser.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { startBrowser } from './support/browser.mjs';

let site;
let browser;
const people = [];
before(async () => void ([site, browser] = await Promise.all([startSite(), startBrowser()])));
afterEach(() => Promise.all(people.splice(0).map((person) => person.close())));
after(() => Promise.all([site.close(), browser.close()]));

async function person(options) {
  const somebody = await browser.person(options);
  people.push(somebody);
  return somebody;
}

/** Somebody who is signed in, in the members' area. */
async function signedIn(user) {
  const somebody = await person();
  await somebody.page.goto(`${site.url}/members/`);
  await somebody.signIn(user);
  await somebody.page.waitForURL(`${site.url}/members/`);
  return somebody;
}

const PAGE = '/members/reading-the-curve?hive=7&week=a%20b';
const callbacks = (visits) => visits.filter((url) => url.includes('/.auth/callback?')).length;

test('ada opens a page with a query and a fragment, signs in, and is there: scrolled to it, without a click', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  assert.equal(new URL(ada.page.url()).origin, site.provider.issuer);
  assert.equal(new URL(ada.page.url()).hash, '', 'the fragment stays at home');
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  await ada.page.locator('#visitor .who').waitFor();
  assert.equal(await ada.page.locator('#visitor .who').textContent(), 'Ada Lindqvist');
  assert.ok((await ada.page.evaluate(() => scrollY)) > 0, 'at the paragraph');
  assert.equal(await ada.page.evaluate(() => sessionStorage.length), 0, 'nothing is left behind');
  assert.ok(!(await ada.page.content()).includes('/.auth/callback'));
  assert.deepEqual(ada.complaints, []);
});

test('a fragment of up to 4,095 characters is kept, and of a longer one nothing', async () => {
  for (const [length, kept] of [[4095, true], [4096, false]]) {
    const ada = await person();
    const fragment = `#${'s'.repeat(length - 1)}`;
    await ada.page.goto(`${site.url}${PAGE}${fragment}`);
    await ada.signIn('ada');
    await ada.page.waitForURL(`${site.url}${PAGE}${kept ? fragment : ''}`);
    assert.equal(new URL(ada.page.url()).hash, kept ? fragment : '', `${length} characters`);
    assert.equal(await ada.page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(ada.complaints, []);
  }
});

test('none of the addresses on the way to the provider and back carries the fragment', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  for (const url of ada.visits.filter((visit) => visit.startsWith(site.provider.issuer))) assert.ok(!decodeURIComponent(url).includes('swarm'), url);
});

test('where the settings keep no fragment: two plain redirects to the provider, and to the page without it', async () => {
  const plain = await startSite({ settings: { fragment: false } });
  try {
    const ada = await person();
    const way = [];
    const arrival = await ada.page.goto(`${plain.url}${PAGE}#swarm`);
    for (let asked = arrival.request(); asked; asked = asked.redirectedFrom()) way.unshift([(await asked.response()).status(), new URL(asked.url())]);
    assert.deepEqual(way.slice(0, 2).map(([status, { origin, pathname }]) => [status, origin, pathname]), [
      [302, plain.url, '/members/reading-the-curve'],
      [302, plain.url, '/.auth/login'],
    ]);
    assert.deepEqual([...new Set(way.slice(2).map(([, { origin }]) => origin))], [plain.provider.issuer]);
    assert.equal(new URL(ada.page.url()).hash, '', 'a redirect would take the fragment along to the provider');
    await ada.signIn('ada');
    await ada.page.waitForURL(`${plain.url}${PAGE}`);
    await ada.page.locator('#visitor .who').waitFor();
    assert.equal(await ada.page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(ada.complaints, []);
  } finally {
    await plain.close();
  }
});

test('without scripts: the same page with its query, and no click either', async () => {
  const ada = await person({ javaScriptEnabled: false });
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.page.waitForURL(`${site.provider.issuer}/**`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}*`);
  assert.match(await ada.page.textContent('h1'), /curve/i);
  assert.deepEqual(ada.complaints, []);
});

test('the back button after a login leads to no error and to no second login', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}/`);
  await ada.page.goto(`${site.url}/members/#new`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}/members/#new`);
  const history = [];
  for (let step = 0; step < 4 && ada.page.url() !== `${site.url}/`; step += 1) {
    await ada.page.goBack().catch(() => {});
    await ada.page.waitForLoadState();
    history.push(ada.page.url());
    assert.equal(await ada.page.locator('footer code').count(), 0, `no page of the gate's with an error: ${history.join('\n')}`);
  }
  assert.equal(ada.page.url(), `${site.url}/`, history.join('\n'));
  await ada.page.goForward();
  assert.ok((await ada.cookies(site.url)).includes('portcullis'));
});

test('the callback loaded again: on to the page, as often as one likes', async () => {
  const ada = await person();
  const finished = site.logs.withCode('finished').length;
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  const callback = ada.visits.find((url) => url.includes('/.auth/callback?'));
  for (let time = 0; time < 3; time += 1) {
    await ada.page.goto(callback);
    await ada.page.waitForURL(`${site.url}${PAGE}*`);
  }
  assert.equal(site.logs.withCode('finished').length, finished + 1, 'one login');
  assert.deepEqual(ada.complaints, []);
});

test('two tabs at once: each ends at its own page with its own fragment', async () => {
  const ada = await person();
  const tabs = [ada.page, await ada.newTab()];
  const pages = [`${site.url}/members/setting-up#stand`, `${site.url}/members/api#ranges`];
  await Promise.all(tabs.map((tab, rank) => tab.goto(pages[rank])));
  for (const [rank, tab] of [...tabs.entries()].reverse()) {
    await tab.bringToFront();
    // The provider knows ada by the time she comes to the other tab; its page is still the form.
    await ada.signIn('ada', tab);
    await tab.waitForURL(pages[rank]);
  }
  assert.deepEqual(ada.complaints, []);
});

test('a sign-in page whose pending login is gone: signing in there still leads to the page', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.context.clearCookies({ name: /^portcullis-login-/ });
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}${PAGE}#swarm`);
  assert.equal(callbacks(ada.visits), 2, 'one silent restart');
  assert.deepEqual(ada.complaints, []);
});

test('a browser that keeps no cookies of the site: a page that says so, and no loop', async () => {
  const ada = await browser.personWithoutCookies(site.url);
  people.push(ada);
  await ada.page.goto(`${site.url}${PAGE}#swarm`);
  await ada.signIn('ada');
  await ada.page.getByRole('heading', { name: 'Your browser does not keep cookies' }).waitFor();
  assert.equal(callbacks(ada.visits), 2);
  const visits = ada.visits.length;
  await ada.page.waitForTimeout(500);
  assert.equal(ada.visits.length, visits, 'nothing goes on by itself');
  assert.deepEqual(await ada.cookies(site.url), []);
  // Trying again is one more round, and no more.
  const round = ada.page.waitForURL((url) => url.pathname === '/.auth/callback' && callbacks(ada.visits) === 4);
  await ada.page.getByRole('link', { name: 'Try again' }).click();
  await round;
  await ada.page.waitForTimeout(500);
  await ada.page.getByRole('heading', { name: 'Your browser does not keep cookies' }).waitFor();
  assert.equal(callbacks(ada.visits), 4);
});

test('who cancels at the provider reads so, and can take another account: the fragment is still there', async () => {
  const ada = await person();
  await ada.page.goto(`${site.url}/members/#new`);
  await ada.page.getByRole('button', { name: 'Cancel' }).click();
  await ada.page.getByRole('heading', { name: 'Sign-in was declined' }).waitFor();
  await ada.page.getByRole('link', { name: 'Use another account' }).click();
  await ada.page.waitForURL(`${site.provider.issuer}/**`);
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}/members/#new`);
});

test('bob is refused in the workshop, reads who he is, and ada takes over from there', async () => {
  const somebody = await signedIn('bob');
  const { page } = somebody;
  const answer = await page.goto(`${site.url}/admin/keys?sort=age#newest`);
  assert.equal(answer.status(), 403);
  await page.getByRole('heading', { name: 'You cannot open this page' }).waitFor();
  assert.match(await page.textContent('main'), /Bob Ferreira|bob@example\.com/);
  await page.getByRole('link', { name: 'Use another account' }).click();
  await page.getByRole('heading', { name: 'Choose an account' }).waitFor();
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}/admin/keys?sort=age#newest`);
  assert.equal((await page.reload()).status(), 200);
  await page.locator('#visitor .who').waitFor();
  assert.equal(await page.locator('#visitor .who').textContent(), 'Ada Lindqvist');
});

test('a page in a frame that one may not open: the refusal is read in its place, and its link opens at the top', async () => {
  const { page } = await signedIn('bob');
  await page.evaluate(() => document.body.prepend(Object.assign(document.createElement('iframe'), { src: '/admin/', width: 500, height: 500 })));
  const frame = page.frameLocator('iframe');
  await frame.getByRole('heading', { name: 'You cannot open this page' }).waitFor();
  await frame.getByRole('link', { name: 'Use another account' }).click();
  await page.getByRole('heading', { name: 'Choose an account' }).waitFor();
  assert.equal(page.frames().length, 1, 'at the top');
});

nothingConfidentialIsLogged();
