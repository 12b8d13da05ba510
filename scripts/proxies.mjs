// Finds nginx and Caddy for the tests behind a proxy, and fetches Debian's when there are none: unpacked
// into the user's cache, not installed, so that no server starts and none of the machine's changes.

import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cache, command, debianPackages, isCommand, run, say, SetupError, which } from './setup.mjs';

const PROXIES = {
  nginx: { file: 'usr/sbin/nginx', needs: ['libpcre2-8-0', 'libssl3', 'zlib1g', 'libcrypt1'] },
  caddy: { file: 'usr/bin/caddy', needs: ['libzstd1'] },
};

/** The paths of both; `NGINX` and `CADDY` in the environment decide if they are there. */
export async function findProxies() {
  const found = {};
  for (const name of Object.keys(PROXIES)) found[name] = await find(name);
  return found;
}

async function find(name) {
  const named = process.env[name.toUpperCase()];
  if (named && !existsSync(named)) throw new SetupError(`${name.toUpperCase()} is ${named}, and there is no such file.`);
  if (named) return named;
  const unpacked = join(cache(), 'proxies', name, PROXIES[name].file);
  const present = (await which(name)) ?? [`/usr/sbin/${name}`, unpacked].find((path) => existsSync(path));
  return present ?? fetchPackage(name, unpacked);
}

/** Debian's package, unpacked. What it needs of the system is asked of the dynamic linker, not of apt. */
async function fetchPackage(name, wanted) {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if (!(await which(tool))) {
      throw new SetupError(`Testing behind a proxy needs ${name}: install it, or say where it is with ${name.toUpperCase()}.`);
    }
  }
  say(`Fetching Debian's package of ${name}, which testing behind a proxy needs, and unpacking it into ${cache()}.`);
  const directory = join(cache(), 'proxies', name);
  await mkdir(dirname(directory), { recursive: true });
  // Moved into place when it is whole, so that a test that is broken off leaves no half of it.
  const half = await mkdtemp(`${directory}-`);
  try {
    await download(name, half);
    const archive = (await readdir(half)).find((file) => file.endsWith('.deb'));
    await run('dpkg-deb', ['--extract', archive, '.'], { cwd: half });
    await rm(directory, { recursive: true, force: true });
    await rename(half, directory);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    throw error;
  }
  if (/not found/.test(await run('ldd', [wanted]))) await debianPackages(PROXIES[name].needs, `Running ${name}`);
  return wanted;
}

async function download(name, cwd) {
  const fetch = () => run('apt-get', ['download', name], { cwd });
  try {
    await fetch();
  } catch (error) {
    // A list of packages that is missing or out of date names a file that is no more.
    if (process.getuid?.() !== 0) throw error;
    await run('apt-get', ['update', '--quiet']);
    await fetch();
  }
}

if (isCommand(import.meta.url)) await command(async () => console.log(await findProxies()));
