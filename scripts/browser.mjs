// Finds a Chromium for the tests that need a browser, and installs Debian's when there is none.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { command, debianPackages, SetupError, which } from './setup.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ELSEWHERE = [
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** What keeps it quiet and alike everywhere; as root it would not start with its sandbox. */
export const chromiumArguments = [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of a Chromium; `CHROMIUM` in the environment decides if it is there. */
export async function findChromium() {
  const named = process.env.CHROMIUM;
  if (named && !existsSync(named)) throw new SetupError(`CHROMIUM is ${named}, and there is no such file.`);
  if (named) return named;
  if (!(await installed())) await debianPackages(['chromium'], 'Testing in a browser');
  const path = await installed();
  if (!path) throw new SetupError('No Chromium was found; CHROMIUM can say where it is.');
  return path;
}

async function installed() {
  for (const name of NAMES) {
    const path = await which(name);
    if (path) return path;
  }
  return ELSEWHERE.find((path) => existsSync(path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await command(async () => console.log(await findChromium()));
