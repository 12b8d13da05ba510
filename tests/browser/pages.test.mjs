// Every page of the gate's own, in light and in dark: accessible, without a complaint of the browser,
// and on a picture to look at, in tests/output/screenshots.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { hostile } from '../worker/provider/support/hostile.mjs';
import { freePort, startSite } from '../worker/provider/support/site.mjs';
import { assertAccessible, assertContrast } from './support/accessibility.mjs';
import { startBrowser } from './support/browser.mjs';

const PICTURES = join(root, 'tests/output/screenshots');

let site;
let choosing;
let wrong;
let alone;
let browser;
before(async () => {
  await mkdir(PICTURES, { recursive: true });
  await writeFile(join(root, 'tests/output/.gitignore'), '*\n');
  const titled = (title) => ({ register: { title } });
  [site, choosing, wrong, alone, browser] = await Promise.all([
    startSite({ providers: { demo: {}, other: { at: 'demo' } }, gate: { kv: false } }),
    startSite({ providers: { work: titled('Example Corp'), guests: titled('Guests and partners'), press: titled('The Association of Beekeepers’ Newspapers of the North, Bienenzüchterzeitschriftenverlagsgesellschaft') } }),
    startSite({ settings: { hosst: ['127.0.0.1'] } }),
    // Where nobody listens.
    startSite({ settings: { origin: { fetch: `http://127.0.0.1:${await freePort()}` } } }),
    startBrowser(),
  ]);
});
after(async () => {
  await Promise.all([site.close(), choosing.close(), wrong.close(), alone.close(), browser.close()]);
  console.log(`The pictures are in ${PICTURES}`);
});

const login = '/.auth/login?provider=demo&return_to=/members/';

async function signIn(person, user, path = login) {
  await person.page.goto(`${site.url}${path}`);
  await person.signIn(user);
  await person.page.waitForURL(`${site.url}/members/**`);
}

/** A page that goes on by itself stays when there is nothing where it goes to. */
const hold = (person, address) => person.context.route(address, (route) => route.fulfill({ status: 204 }));

/** The callback's page after the provider answered so. */
const afterAnswer = (response) => async (person) => {
  hostile(site.provider, { response });
  await person.page.goto(`${site.url}${login}`);
  await person.signIn('ada');
};

/** How each comes about; and the status it has. */
const pages = {
  continue: [200, 'Signing in', async (person) => {
    await hold(person, `${site.provider.issuer}/**`);
    await person.page.goto(`${site.url}${login}#swarm`, { waitUntil: 'commit' });
  }],
  arrive: [200, 'Signed in', async (person) => {
    await hold(person, `${site.url}/members/**`);
    await person.page.goto(`${site.url}${login}#swarm`);
    await person.signIn('ada');
  }],
  chooser: [200, 'Sign in', (person) => person.page.goto(`${choosing.url}/members/`)],
  'sign-in-first': [401, 'Sign in first', async (person) => {
    await person.page.goto(`${site.url}/`);
    await person.page.evaluate(() => document.body.appendChild(Object.assign(document.createElement('form'), { action: '/members/', method: 'post' })).submit());
  }],
  'sign-out': [200, 'Sign out?', async (person) => {
    await signIn(person, 'ada');
    await person.page.goto(`${site.url}/.auth/logout`);
  }],
  'sign-out-nobody': [200, 'Sign out?', (person) => person.page.goto(`${site.url}/.auth/logout`)],
  'signed-out': [200, 'You are signed out', (person) => person.page.goto(`${site.url}/.auth/signed-out`)],
  'signed-in': [200, 'You are signed in', async (person) => {
    await signIn(person, 'ada');
    await person.page.goto(`${site.url}/.auth/signed-in`);
  }],
  'not-allowed': [403, 'You cannot open this page', async (person) => {
    await signIn(person, 'bob');
    await person.page.goto(`${site.url}/admin/`);
  }],
  declined: [403, 'Sign-in was declined', async (person) => {
    await person.page.goto(`${site.url}${login}`);
    await person.page.getByRole('button', { name: 'Cancel' }).click();
  }],
  'provider-down': [503, 'The sign-in service does not answer', async (person) => {
    hostile(site.provider, { metadata: (answer) => void (answer.status = 500) });
    await person.page.goto(`${site.url}/.auth/login?provider=other`);
  }],
  'provider-refuses': [502, 'The sign-in service refused', afterAnswer((parameters) => (parameters.delete('code'), parameters.set('error', 'invalid_scope')))],
  'provider-answers-badly': [400, 'Signing in did not work', afterAnswer((parameters) => parameters.set('iss', 'https://evil.example'))],
  'login-not-kept': [400, 'Your browser does not keep cookies', async (person) => {
    await person.page.goto(`${site.url}${login}`);
    await person.signIn('ada');
  }],
  'session-not-kept': [400, 'Your browser did not keep the sign-in', async (person) => {
    await signIn(person, 'ada');
    await person.context.clearCookies({ name: 'portcullis' });
    await person.page.goto(`${site.url}${login}`);
  }],
  'callback-incomplete': [400, 'This sign-in cannot be continued', (person) => person.page.goto(`${site.url}/.auth/callback?code=x`)],
  'unknown-provider': [400, 'Unknown sign-in', (person) => person.page.goto(`${site.url}/.auth/login?provider=nobody`)],
  'not-found': [404, 'Page not found', (person) => person.page.goto(`${site.url}/.auth/nothing`)],
  'unreadable-path': [400, 'This address cannot be opened', (person) => person.page.goto(`${site.url}/members/%00`)],
  'cross-site-logout': [403, 'You are still signed in', async (person) => {
    await person.context.route('http://evil.localhost/', (route) => route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${site.url}/.auth/logout"><button>Win</button></form>` }));
    await person.page.goto('http://evil.localhost/');
    await person.page.getByRole('button').click();
  }],
  'wrong-host': [421, 'Wrong address', (person) => person.page.goto(site.url.replace('127.0.0.1', 'localhost'))],
  'origin-down': [502, 'This site does not answer', (person) => person.page.goto(`${alone.url}/`)],
  'wrong-settings': [500, 'This site is not set up', (person) => person.page.goto(`${wrong.url}/`)],
};

for (const [name, [status, heading, open]] of Object.entries(pages)) {
  test(`${name}: status ${status}, accessible in light and dark, and nothing in the console`, async () => {
    hostile(site.provider);
    const options = { colorScheme: 'light', viewport: { width: 900, height: 640 } };
    const person = await (name === 'login-not-kept' ? browser.personWithoutCookies(site.url, options) : browser.person(options));
    const { page } = person;
    let answer;
    page.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.status() !== 204) answer = response;
    });
    await open(person);
    await page.getByRole('heading', { name: heading, exact: true }).waitFor();
    assert.equal(answer.status(), status);
    assertHeaders(answer.headers(), name);
    await page.screenshot({ path: join(PICTURES, `${name}-light.png`) });
    await assertAccessible(page);
    await page.setViewportSize({ width: 390, height: 700 });
    await page.screenshot({ path: join(PICTURES, `${name}-telephone.png`) });
    await page.setViewportSize(options.viewport);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(PICTURES, `${name}-dark.png`) });
    await assertContrast(page);
    assert.equal(await page.locator('footer code').count(), status >= 400 && name !== 'sign-in-first' ? 2 : 1, 'request id, and the code of a refusal');
    const own = person.complaints.filter((text) => !text.includes(`the server responded with a status of ${status}`) && !isOfTheDemo(text));
    assert.deepEqual(own, []);
    await person.close();
  });
}

/** The demo's pages ask who is there; nobody is, at first. And a page that is no pop-up stays open. */
function isOfTheDemo(text) {
  return text.includes('/.auth/me') || text.includes('Scripts may close only the windows');
}

function assertHeaders(headers, name) {
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  // A form's Origin would be `null` under no-referrer, and the address of this page holds nothing.
  assert.equal(headers['referrer-policy'], name.startsWith('sign-out') ? 'same-origin' : 'no-referrer');
  const policy = headers['content-security-policy'];
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'/);
  // The form that signs out may go on from the provider to hosts that only it knows; no page else leaves the site.
  const strict = name === 'sign-out' ? policy.replace(`; form-action 'self' ${site.provider.issuer} https:;`, ';') : policy;
  assert.doesNotMatch(strict, /unsafe|\*|https?:(?!\/\/localhost)/);
  assert.match(policy, /base-uri 'none'/);
  assert.match(policy, /frame-ancestors '(none|self)'/);
}

nothingConfidentialIsLogged();
