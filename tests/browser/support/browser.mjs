// A real Chromium, and the people who use it: each in a context of their own, with everything noted
// that their browser complains about.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { chromiumArguments, findChromium } from '../../../scripts/browser.mjs';
import { keepAddressOutOfTheLog, keepOutOfTheLog } from '../../worker/provider/support/confidential.mjs';

const PATIENCE = 10_000;

export async function startBrowser() {
  const launch = { executablePath: await findChromium(), args: chromiumArguments };
  const browser = await chromium.launch(launch);
  return {
    version: browser.version(),
    /** Somebody new: no cookies, no history. `options` are those of a Playwright context. */
    async person(options) {
      return person(await browser.newContext(options));
    },
    /** Somebody whose browser keeps no cookies of `site`: set as a person would set it. */
    async personWithoutCookies(site, options) {
      const profile = await mkdtemp(join(tmpdir(), 'portcullis-browser-'));
      const exceptions = { cookies: { [`${site},*`]: { setting: 2 } } };
      await mkdir(join(profile, 'Default'));
      await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { content_settings: { exceptions } } }));
      const somebody = await person(await chromium.launchPersistentContext(profile, { ...launch, ...options }));
      somebody.whenClosed = () => rm(profile, { recursive: true, maxRetries: 3 });
      return somebody;
    },
    close: () => browser.close(),
  };
}

async function person(context) {
  context.setDefaultTimeout(PATIENCE);
  const complaints = [];
  const visits = [];
  context.on('page', (page) => watch(page, complaints, visits));
  const page = context.pages()[0] ?? (await context.newPage());
  if (context.pages().length === 1 && !page.watched) watch(page, complaints, visits);
  return new Person(context, page, complaints, visits);
}

class Person {
  constructor(context, page, complaints, visits) {
    this.context = context;
    this.page = page;
    /** Violations of a policy, errors of scripts, whatever the console shows as an error or a warning. */
    this.complaints = complaints;
    /** Every address a tab was sent to, redirects among them. */
    this.visits = visits;
  }

  newTab() {
    return this.context.newPage();
  }

  /** Fills in the provider's form on `page`, which shows it. */
  async signIn(user, page = this.page) {
    await page.fill('#username', user);
    await page.fill('#password', 'demo');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }

  /** The names of the cookies that `site` has set. */
  async cookies(site) {
    return (await this.context.cookies(site)).map(({ name }) => name);
  }

  async close() {
    for (const { name, value } of await this.context.cookies()) keepOutOfTheLog(`cookie ${name}`, value);
    await this.context.close();
    await this.whenClosed?.();
  }
}

function watch(page, complaints, visits) {
  if (page.watched) return;
  page.watched = true;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    keepAddressOutOfTheLog(request.url());
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) visits.push(request.url());
  });
}
