// What people see of the demo itself: its pages on a telephone, and its provider after a step back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSite } from '../worker/provider/support/site.mjs';
import { assertEdges, assertReflows } from './support/accessibility.mjs';
import { startBrowser } from './support/browser.mjs';

let site;
let browser;
before(async () => void ([site, browser] = await Promise.all([startSite(), startBrowser()])));
after(() => Promise.all([site.close(), browser.close()]));

test('the labels of the chart can be read on every screen', async () => {
  const somebody = await browser.person();
  for (const width of [320, 360, 412, 480, 540, 700, 930, 1280]) {
    await somebody.page.setViewportSize({ width, height: 800 });
    await somebody.page.goto(`${site.url}/`);
    const [pixels, inside] = await somebody.page.locator('.curve svg').evaluate((drawing) => {
      const around = drawing.parentElement.getBoundingClientRect();
      const labels = [...drawing.querySelectorAll('text')];
      const sizes = labels.map((label) => parseFloat(getComputedStyle(label).fontSize) * label.getScreenCTM().a);
      const boxes = labels.map((label) => label.getBoundingClientRect());
      return [Math.min(...sizes), boxes.every(({ left, right }) => left >= around.left && right <= around.right)];
    });
    assert.ok(pixels >= 12, `${pixels} pixels at a width of ${width}`);
    assert.ok(inside, `a label is cut off at a width of ${width}`);
  }
  await somebody.close();
});

test('who comes from a login to a paragraph is there at once', async () => {
  const ada = await browser.person({ reducedMotion: 'no-preference' });
  await ada.page.goto(`${site.url}/members/reading-the-curve#swarm`);
  await ada.signIn('ada');
  await ada.page.waitForURL('**/members/reading-the-curve#swarm');
  assert.equal(await ada.page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), 'auto');
  await ada.close();
});

test('the heading that a fragment leads to is not behind the header, on a telephone and for who is signed in', async () => {
  const ada = await browser.person();
  await ada.page.goto(`${site.url}/members/reading-the-curve`);
  await ada.signIn('ada');
  await ada.page.waitForURL('**/members/reading-the-curve');
  for (const width of [320, 360, 375, 412, 640, 930]) {
    await ada.page.setViewportSize({ width, height: 700 });
    await ada.page.goto(`${site.url}/members/`);
    await ada.page.goto(`${site.url}/members/reading-the-curve#swarm`);
    // Who is signed in is known late, and may add a row to the header.
    await ada.page.locator('.who').waitFor();
    const [header, heading] = await ada.page.evaluate(() => ['.site', '#swarm'].map((part) => document.querySelector(part).getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })));
    assert.ok(heading.top >= header.bottom, `at ${width} pixels the header ends at ${header.bottom}, and the heading begins at ${heading.top}`);
  }
  await ada.close();
});

test('where nobody can be asked who is signed in, the link to the sign-in stays, and no script fails', async () => {
  const somebody = await browser.person();
  await somebody.context.route('**/.auth/me', (route) => route.abort());
  const failures = [];
  somebody.page.on('pageerror', (error) => failures.push(String(error)));
  await somebody.page.goto(`${site.url}/`, { waitUntil: 'networkidle' });
  assert.equal(await somebody.page.locator('#visitor a').getAttribute('href'), '/.auth/login?return_to=%2F');
  assert.deepEqual(failures, []);
  await somebody.close();
});

test('no page is wider than a small screen, whatever the name of who is signed in', async () => {
  const ada = await browser.person();
  await ada.context.route('**/.auth/me', (route) => route.fulfill({ json: { subject: 'x', email: `${'a.very.long.address.of'.repeat(4)}@a-department-of-a-university.example` } }));
  for (const page of ['/', '/members/', '/members/reading-the-curve']) {
    await ada.page.goto(`${site.url}${page}`);
    if (ada.page.url().startsWith(site.provider.issuer)) await ada.signIn('ada');
    await ada.page.waitForURL(`${site.url}${page}`);
    await ada.page.locator('.who').waitFor();
    await assertReflows(ada.page);
    await assertEdges(ada.page);
  }
  await ada.close();
});

test('the sign-in that is over has a link to the site', async () => {
  const ada = await browser.person();
  await ada.page.goto(`${site.url}/members/`);
  await ada.page.waitForURL(`${site.provider.issuer}/interaction/**`);
  const interaction = ada.page.url();
  await ada.signIn('ada');
  await ada.page.waitForURL(`${site.url}/members/`);
  assert.equal((await ada.page.goto(interaction)).status(), 400);
  await ada.page.getByRole('link', { name: 'Back to Skep Handbook' }).click();
  await ada.page.waitForURL(`${site.url}/`);
  await ada.close();
});
