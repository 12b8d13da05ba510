// The client script as people meet it: in the demo, in the words of docs/single-page-apps.md, and on a
// picture to look at, in tests/output/screenshots.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { startSite } from '../worker/provider/support/site.mjs';
import { assertDialogAccessible } from './support/accessibility.mjs';
import { app } from './support/app.mjs';
import { startBrowser } from './support/browser.mjs';

const PICTURES = join(root, 'tests/output/screenshots');
const HOST = 'body > div:last-child';

const paper = await readFile(join(root, 'docs/single-page-apps.md'), 'utf8');
const block = (language) => new RegExp('```' + language + '\\n([\\s\\S]*?)```').exec(paper)[1];
const { answer } = app({
  pages: {
    '/documented': ['text/html', `<!doctype html><html lang="en"><title>As documented</title>${block('html')}<button id="load">Load</button><p id="orders"></p>`],
    '/app.js': ['text/javascript', block('js')],
  },
});

let demo;
let site;
let browser;
const people = [];
before(async () => {
  await mkdir(PICTURES, { recursive: true });
  await writeFile(join(root, 'tests/output/.gitignore'), '*\n');
  [demo, site, browser] = await Promise.all([
    startSite(),
    startSite({
      settings: { origin: { service: 'APP' }, rules: [{ path: '/*.js', sso: false }] },
      gate: { origin: { assets: false, services: { APP: answer } } },
    }),
    startBrowser(),
  ]);
});
afterEach(() => Promise.all(people.splice(0).map((person) => person.close())));
after(() => Promise.all([demo.close(), site.close(), browser.close()]));

/** Ada with a page open. */
async function ada(url, options) {
  const person = await browser.person(options);
  people.push(person);
  await person.page.goto(url);
  await person.signIn('ada');
  await person.page.waitForURL(url);
  await person.page.waitForFunction(async () => await window.portcullis?.me());
  return person;
}

const picture = (page, name) => page.screenshot({ path: join(PICTURES, `client-${name}.png`) });

async function signInThere(person) {
  const opened = person.context.waitForEvent('page');
  await person.page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  const popup = await opened;
  const closed = popup.waitForEvent('close');
  await popup.locator('#password').waitFor();
  await picture(person.page, 'waiting');
  await person.signIn('ada', popup);
  await closed;
}

test('the demo: a hive is asked, the session ends, and the hive is asked once more', async () => {
  const person = await ada(`${demo.url}/members/api#try`, { colorScheme: 'light', viewport: { width: 1100, height: 760 } });
  const { page } = person;
  await page.getByRole('button', { name: 'Ask hive 7' }).click();
  await page.getByText('36.48 kg').waitFor();
  await page.locator('#try').evaluate((element) => element.scrollIntoView({ behavior: 'instant' }));
  await picture(page, 'demo');
  await page.getByRole('button', { name: 'End my session' }).click();
  await page.getByText('Your session has ended, and this page does not know yet.').waitFor();
  await person.context.clearCookies();
  await page.getByRole('button', { name: 'Ask hive 7' }).click();
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  await page.waitForTimeout(300);
  await assertDialogAccessible(page, HOST);
  await picture(page, 'light');
  await page.setViewportSize({ width: 390, height: 700 });
  await picture(page, 'telephone');
  await page.setViewportSize({ width: 320, height: 640 });
  const [left, right] = await page.getByRole('dialog').evaluate((element) => [element.getBoundingClientRect().left, innerWidth - element.getBoundingClientRect().right]);
  assert.ok(left >= 8 && right >= 8, '1.4.10');
  await page.setViewportSize({ width: 1100, height: 760 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'dark');
  await assertDialogAccessible(page, HOST);
  await page.emulateMedia({ colorScheme: 'light' });
  await signInThere(person);
  await page.getByText('36.48 kg').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.deepEqual(person.complaints.filter((text) => !text.includes('status of 401')), []);
});

test('the demo: “Not now”, and the page says what that means', async () => {
  const { page, context } = await ada(`${demo.url}/members/api`);
  await context.clearCookies();
  await page.getByRole('button', { name: 'Ask hive 7' }).click();
  await page.getByRole('button', { name: 'Not now' }).click();
  await page.getByText('You are not signed in, so the hive keeps it to itself.').waitFor();
});

test('a page without styles and without scheme: readable in light and dark, and still for who wants no motion', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const person = await ada(`${site.url}/app`, { colorScheme, reducedMotion: 'reduce', viewport: { width: 900, height: 640 } });
    const { page } = person;
    await page.evaluate((scheme) => document.documentElement.style.setProperty('color-scheme', scheme), colorScheme);
    await person.context.clearCookies();
    await page.evaluate(() => void fetch('/api/orders'));
    await page.getByRole('dialog').waitFor();
    assert.equal(await page.getByRole('dialog').evaluate((element) => getComputedStyle(element).animationName), 'none');
    await picture(page, `plain-${colorScheme}`);
    await assertDialogAccessible(page, HOST);
  }
});

test('docs/single-page-apps.md: its few lines are all there is to do', async () => {
  const person = await ada(`${site.url}/documented`);
  const { page } = person;
  await person.context.clearCookies();
  await page.getByRole('button', { name: 'Load' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Not now' }).click();
  await page.getByText('Not now: 401').waitFor();
  await page.getByRole('button', { name: 'Load' }).click();
  await signInThere(person);
  await page.getByText('"by":"ada"').waitFor();
  assert.deepEqual(person.complaints.filter((text) => !text.includes('status of 401')), []);
});

test('docs/single-page-apps.md: names what there is, and nothing else', async () => {
  const { page } = await ada(`${site.url}/documented`);
  const offered = await page.evaluate(() => Object.keys(portcullis).map((name) => `portcullis.${name}`));
  const rows = [...paper.matchAll(/^\| `(portcullis\.\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(rows.sort(), offered.sort());
  const script = await readFile(join(root, 'src/pages/client.js'), 'utf8');
  const all = (pattern, text) => [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort();
  assert.deepEqual(all(/`(--portcullis-[\w-]+)`/g, paper), all(/var\((--portcullis-[\w-]+)/g, script));
  assert.deepEqual(all(/^\| event `(\w+)`/gm, paper), all(/CustomEvent\('(\w+)'/g, script));
  assert.deepEqual(await page.evaluate(() => portcullis.version), (await (await fetch(`${site.url}/.auth/client.js`)).headers.get('etag')).slice(1, -1));
});

nothingConfidentialIsLogged();
