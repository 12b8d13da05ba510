// An open page with the client script, behind a gate: what every test of the script begins with. Importing it
// starts the site and the browser of the file, and a person for each test.

import { after, afterEach, before, beforeEach } from 'node:test';
import { startSite } from '../../worker/provider/support/site.mjs';
import { app } from './app.mjs';
import { startBrowser } from './browser.mjs';

const { arrived, answer } = app();
export { arrived };
export let site;
export let browser;
export let somebody;
export let page;

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
export async function lateAda(path = '/app') {
  await page.goto(`${site.url}${path}`);
  await somebody.signIn('ada');
  await page.waitForURL(`${site.url}${path}`);
  await known('ada');
  await somebody.context.clearCookies();
}

/** Until the script knows who is there. */
export async function known(subject) {
  await page.waitForFunction(async (expected) => (await window.portcullis?.me())?.subject === expected, subject);
  await page.waitForTimeout(100);
}

/** Sends requests from the page; what comes of them is asked for later. */
export async function send(...requests) {
  await page.evaluate((all) => {
    window.results = all.map(async ([path, init]) => {
      const response = await fetch(path, init);
      return { status: response.status, body: await response.json() };
    });
  }, requests);
}
export const results = () => page.evaluate(() => {
  const late = new Promise((_, failed) => setTimeout(() => failed(new Error('A request is still under way.')), 15_000));
  return Promise.race([Promise.all(window.results), late]);
});

export const dialog = () => page.getByRole('dialog');
export const button = (name) => dialog().getByRole('button', { name });

/** A click on "Sign in", and what is done in the window that opens. */
export async function signInThere(user, meanwhile = () => {}) {
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
export function complaints() {
  return somebody.complaints.filter((text) => !text.includes('the server responded with a status of 401'));
}
