// What setting up does and says on a machine where something is missing.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { CARGO, EVERYTHING, machine, NPM, runs } from './support/machine.mjs';

const BINDGEN = /^name = "wasm-bindgen"\nversion = "([^"]+)"/m.exec(await readFile(join(root, 'Cargo.lock'), 'utf8'))[1];
const [, WORKER] = /^const WORKER_BUILD = '([^']+)'/m.exec(await readFile(join(root, 'scripts/setup.mjs'), 'utf8'));

const TARGET = 'rustup target add wasm32-unknown-unknown';
const CI = 'npm ci --no-audit --no-fund --loglevel=error';
const LIBRARIES = 'rustc --print target-libdir --target wasm32-unknown-unknown';
const OPENSSL = 'apt-get install --yes --no-install-recommends build-essential pkg-config libssl-dev';
const bindgen = (machine) => `cargo install --quiet --root ${machine}/cache/portcullis/wasm-bindgen-${BINDGEN} wasm-bindgen-cli@${BINDGEN}`;
const worker = (machine) => `cargo install --quiet --locked --root ${machine}/cache/portcullis/worker-build-${WORKER} worker-build@${WORKER}`;
const COMPILING = [`setup: Compiling wasm-bindgen-cli ${BINDGEN}, once: about 2 minutes.`, `setup: Compiling worker-build ${WORKER}, once: about 3 minutes.`];
const INSTALLING = ['setup: Installing the npm packages of package-lock.json.', 'setup: Installing the Rust target wasm32-unknown-unknown.', ...COMPILING];

test('on a machine with Rust and Node alone it installs all that is missing, and says each; the second time, nothing', async (t) => {
  const fresh = await machine(t, EVERYTHING);
  assert.deepEqual(await runs(fresh), {
    code: 0,
    said: INSTALLING,
    calls: [CI, LIBRARIES, TARGET, bindgen(fresh), 'pkg-config --exists openssl', worker(fresh)],
  });
  assert.deepEqual(await runs(fresh), { code: 0, said: [''], calls: [LIBRARIES] });
});

test('a package that npm has in another version, or not at all, is installed again', async (t) => {
  const clone = await machine(t, EVERYTHING);
  await runs(clone);
  const kept = join(clone, 'clone/node_modules/.package-lock.json');
  for (const change of [(packages) => (packages['node_modules/wrangler'].version = '4.85.0'), (packages) => delete packages['node_modules/jose']]) {
    const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
    change(lock.packages);
    await writeFile(kept, JSON.stringify(lock));
    assert.deepEqual(await runs(clone), { code: 0, said: INSTALLING.slice(0, 1), calls: [CI, LIBRARIES] });
  }
});

test('the tool of another version does not count', async (t) => {
  const clone = await machine(t, EVERYTHING);
  await runs(clone);
  const lock = join(clone, 'clone/Cargo.lock');
  await writeFile(lock, (await readFile(lock, 'utf8')).replace(`name = "wasm-bindgen"\nversion = "${BINDGEN}"`, 'name = "wasm-bindgen"\nversion = "0.2.1"'));
  const { said, calls } = await runs(clone);
  assert.deepEqual(said, ['setup: Compiling wasm-bindgen-cli 0.2.1, once: about 2 minutes.']);
  assert.deepEqual(calls.slice(1), [bindgen(clone).replaceAll(BINDGEN, '0.2.1')]);
});

test('without Rust it says where Rust is to be had', async (t) => {
  const { code, said } = await runs(await machine(t, { npm: NPM }));
  assert.equal(code, 1);
  assert.deepEqual(said.slice(1), ['', 'Rust is needed to build the gate, and cargo was not found.', 'Install it with rustup: https://rustup.rs']);
});

test('a cargo that rustup has put in its own place is found before the shell knows that place', async (t) => {
  const clone = await machine(t, EVERYTHING);
  await mkdir(join(clone, '.cargo/bin'), { recursive: true });
  for (const name of ['cargo', 'rustc', 'rustup']) await rename(join(clone, 'bin', name), join(clone, '.cargo/bin', name));
  assert.deepEqual((await runs(clone)).said, INSTALLING);
});

test('a Rust that is not rustup’s, and without the target, is told which package to look for', async (t) => {
  const { rustup: _, ...others } = EVERYTHING;
  const { code, said } = await runs(await machine(t, others));
  assert.equal(code, 1);
  assert.deepEqual(said.slice(2), [
    'This Rust has no standard library for wasm32-unknown-unknown.',
    "Install Rust with rustup (https://rustup.rs), or your system's package for that target.",
  ]);
});

test('what a program said that failed is shown, without a stack', async (t) => {
  const { code, said } = await runs(await machine(t, { ...EVERYTHING, npm: 'echo "ENOTFOUND the registry" >&2; exit 7' }));
  assert.equal(code, 1);
  assert.deepEqual(said, [INSTALLING[0], '', `${CI} failed:`, '', 'ENOTFOUND the registry']);
});

test('cargo binstall, where somebody has it, is asked first; where it has none, the tool is compiled', async (t) => {
  const clone = await machine(t, { ...EVERYTHING, 'cargo-binstall': '' });
  const downloading = ['setup: Downloading wasm-bindgen-cli', 'setup: Downloading worker-build'];
  const downloads = await runs(clone);
  assert.deepEqual(downloads.said.slice(2), [`${downloading[0]} ${BINDGEN} with cargo binstall.`, `${downloading[1]} ${WORKER} with cargo binstall.`]);
  const asked = `cargo binstall --no-confirm --disable-strategies compile --root ${clone}/cache/portcullis/wasm-bindgen-${BINDGEN} wasm-bindgen-cli@${BINDGEN}`;
  assert.equal(downloads.calls[3], asked);

  const none = await machine(t, { ...EVERYTHING, 'cargo-binstall': '', cargo: `[ "$1" = binstall ] && exit 94\n${CARGO}` });
  const compiles = await runs(none);
  const wanted = downloading.flatMap((line, rank) => [`${line} ${[BINDGEN, WORKER][rank]} with cargo binstall.`, 'setup: No binary to be had.', COMPILING[rank]]);
  assert.deepEqual(compiles.said.slice(2), wanted);
  assert.equal(compiles.code, 0);
});

test('without OpenSSL: installed by who may, and the line to type for who may not', { skip: process.platform !== 'linux' }, async (t) => {
  const programs = { ...EVERYTHING, 'pkg-config': 'exit 1', 'apt-get': 'echo "$DEBIAN_FRONTEND" >> "$MACHINE/calls"' };
  const may = await machine(t, programs);
  const { code, said, calls } = await runs(may);
  assert.equal(code, 0);
  assert.equal(said.at(-2), 'setup: Installing build-essential, pkg-config, libssl-dev with apt-get: Compiling worker-build needs it.');
  assert.deepEqual(calls.slice(-6), ['pkg-config --exists openssl', 'apt-get update --quiet', 'noninteractive', OPENSSL, 'noninteractive', worker(may)]);

  const { 'apt-get': _, ...elsewhere } = programs;
  for (const [clone, user] of [[await machine(t, programs), 1000], [await machine(t, elsewhere), 0]]) {
    const told = await runs(clone, { user });
    assert.equal(told.code, 1);
    assert.deepEqual(told.said.slice(-3), ['Compiling worker-build needs build-essential, pkg-config, libssl-dev. On Debian or Ubuntu:', '', `    sudo ${OPENSSL}`]);
    assert.ok(!told.calls.some((call) => call.startsWith('apt-get')), told.calls.join('\n'));
  }
});

const elsewhere = ['/snap/bin/chromium', '/Applications'].some((path) => existsSync(path));

test('browsers: Debian’s are installed where there are none, and the second time found', { skip: elsewhere }, async (t) => {
  const clone = await machine(t, { 'apt-get': 'for last; do true; done; [ "$1" = install ] && echo > "$MACHINE/bin/$last" && /bin/chmod +x "$MACHINE/bin/$last"; true' });
  const paths = ['chromium', 'firefox-esr'].map((name) => join(clone, 'bin', name));
  assert.deepEqual(await runs(clone, { script: 'browser' }), {
    code: 0,
    said: ['setup: Installing chromium with apt-get: Testing in Chromium needs it.', 'setup: Installing firefox-esr with apt-get: Testing in Firefox needs it.', ...paths],
    calls: ['chromium', 'firefox-esr'].flatMap((name) => ['apt-get update --quiet', `apt-get install --yes --no-install-recommends ${name}`]),
  });
  assert.deepEqual(await runs(clone, { script: 'browser' }), { code: 0, said: paths, calls: [''] });
});

test('browsers: what to type, where the file that a setting names is not, and what says where one is', { skip: elsewhere }, async (t) => {
  const bare = await machine(t, {});
  const told = await runs(bare, { script: 'browser' });
  assert.deepEqual([told.code, told.said], [1, ['Testing in Chromium needs chromium. On Debian or Ubuntu:', '', '    sudo apt-get install --yes --no-install-recommends chromium']]);
  const named = await runs(bare, { script: 'browser', env: { CHROMIUM: '/no/such/chromium' } });
  assert.deepEqual([named.code, named.said], [1, ['CHROMIUM is /no/such/chromium, and there is no such file.']]);
  const idle = await runs(await machine(t, { 'apt-get': '' }), { script: 'browser' });
  assert.deepEqual([idle.code, idle.said.at(-1)], [1, 'No Chromium was found; CHROMIUM can say where it is.']);
});

test('proxies: Debian’s packages are unpacked into the cache, with nothing installed', { skip: ['nginx', 'caddy'].some((name) => existsSync(`/usr/sbin/${name}`)) }, async (t) => {
  const programs = {
    'apt-get': 'if [ "$1" = download ]; then echo > "$2.deb"; fi',
    'dpkg-deb': '/bin/mkdir -p usr/sbin usr/bin; echo > usr/sbin/nginx; echo > usr/bin/caddy',
    ldd: 'echo "libc.so.6 => /lib/libc.so.6"',
  };
  const clone = await machine(t, programs);
  const cache = join(clone, 'cache/portcullis');
  const first = await runs(clone, { script: 'proxies' });
  assert.equal(first.code, 0, first.said.join('\n'));
  assert.deepEqual(first.said.slice(0, 2), ['nginx', 'caddy'].map((name) => `setup: Fetching Debian's package of ${name}, which testing behind a proxy needs, and unpacking it into ${cache}.`));
  assert.ok(first.calls.every((call) => !call.startsWith('apt-get install')), first.calls.join('\n'));
  assert.deepEqual((await runs(clone, { script: 'proxies' })).calls, ['']);

  // Of what the package needs of the system something is missing.
  const lacking = await runs(await machine(t, { ...programs, ldd: 'echo "libzstd.so.1 => not found"' }), { script: 'proxies' });
  assert.ok(lacking.calls.includes('apt-get install --yes --no-install-recommends libpcre2-8-0 libssl3 zlib1g libcrypt1'), lacking.calls.join('\n'));

  const none = await runs(await machine(t, {}), { script: 'proxies' });
  assert.deepEqual([none.code, none.said], [1, ['Testing behind a proxy needs nginx: install it, or say where it is with NGINX.']]);
});
