// Finds the browsers for the tests that need one, a Chromium and a Firefox, and installs Debian's where there is none.

import { existsSync } from 'node:fs';
import { command, debianPackages, isCommand, SetupError, which } from './setup.mjs';

const CHROMIUM = {
  title: 'Chromium',
  setting: 'CHROMIUM',
  names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
  elsewhere: [
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  debian: 'chromium',
};
const FIREFOX = {
  title: 'Firefox',
  setting: 'FIREFOX',
  names: ['firefox-esr', 'firefox'],
  elsewhere: ['/Applications/Firefox.app/Contents/MacOS/firefox'],
  debian: 'firefox-esr',
};

/** What keeps Chromium quiet and alike everywhere; as root it would not start with its sandbox. */
export const chromiumArguments = [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of a Chromium; `CHROMIUM` in the environment decides if it is there. */
export const findChromium = () => find(CHROMIUM);

/** The path of a Firefox; `FIREFOX` in the environment decides if it is there. */
export const findFirefox = () => find(FIREFOX);

async function find(browser) {
  const { title, setting, debian } = browser;
  const named = process.env[setting];
  if (named && !existsSync(named)) throw new SetupError(`${setting} is ${named}, and there is no such file.`);
  if (named) return named;
  if (!(await installed(browser))) await debianPackages([debian], `Testing in ${title}`);
  const path = await installed(browser);
  if (!path) throw new SetupError(`No ${title} was found; ${setting} can say where it is.`);
  return path;
}

async function installed({ names, elsewhere }) {
  for (const name of names) {
    const path = await which(name);
    if (path) return path;
  }
  return elsewhere.find((path) => existsSync(path));
}

if (isCommand(import.meta.url)) {
  await command(async () => console.log([await findChromium(), await findFirefox()].join('\n')));
}
