// Puts in place what building and running the gate need, and says what it does.
// Runs before `npm ci` ever has, so this file imports nothing but Node itself.

import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { access, constants, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const WASM_TARGET = 'wasm32-unknown-unknown';
const WORKER_BUILD = '0.8.7';

/**
 * Installs what is missing: npm packages, the Rust target for WebAssembly and the two command line
 * tools of the build. Does nothing, in a moment, when all is there. Resolves to the tools' paths.
 */
export async function setup({ npm = true, rust = true } = {}) {
  await requireNode();
  if (npm) await npmPackages();
  if (!rust) return {};
  await requireCargo();
  await wasmTarget();
  return {
    wasmBindgen: await wasmBindgen(await wasmBindgenVersion()),
    workerBuild: await workerBuild(),
  };
}

/** What goes wrong for a reason the person at the keyboard can act on: shown without a stack. */
export class SetupError extends Error {}

/** Runs `main` as a command of its own: errors end it, those a person can act on without a stack. */
export async function command(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof SetupError ? `\n${error.message}\n` : error);
    process.exit(1);
  }
}

/** Whether Node was started with this module, also by way of a symbolic link. */
export function isCommand(url) {
  try {
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(url));
  } catch {
    return false;
  }
}

/** The first executable of that name in `PATH`. */
export async function which(name) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    if (directory && (await executable(path))) return path;
  }
  return undefined;
}

/** Installs Debian packages when we may, and tells how when we may not. */
export async function debianPackages(packages, purpose) {
  const line = `apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
  if (!(await which('apt-get')) || process.getuid?.() !== 0) {
    throw new SetupError(`${purpose} needs ${packages.join(', ')}. On Debian or Ubuntu:\n\n    sudo ${line}`);
  }
  say(`Installing ${packages.join(', ')} with apt-get: ${purpose} needs it.`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '--quiet'], { env });
  await run('apt-get', line.split(' ').slice(1), { env });
}

/** package.json says which Node is new enough, as in `>=20.3`. */
export async function requireNode(version = process.versions.node) {
  const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = wanted.split('.').map(Number);
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    throw new SetupError(`Node ${wanted} or later is needed; this is ${version}. Install it from https://nodejs.org.`);
  }
}

async function npmPackages() {
  if (await npmPackagesMatchLock()) return;
  say('Installing the npm packages of package-lock.json.');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
}

/** Compares with the list npm keeps of what it installed; times of files say too little. */
async function npmPackagesMatchLock() {
  const wanted = await packagesIn(join(root, 'package-lock.json'));
  const present = await packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted) throw new SetupError('package-lock.json is missing: this is not a complete clone.');
  if (!present) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || (present[path] ? present[path].version === version : optional),
  );
}

async function packagesIn(lock) {
  try {
    return JSON.parse(await readFile(lock, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function requireCargo() {
  // A shell opened before rustup was installed does not have its directory in PATH yet.
  const rustupBin = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin');
  if (!(await which('cargo')) && (await executable(join(rustupBin, 'cargo')))) {
    process.env.PATH = `${rustupBin}${delimiter}${process.env.PATH}`;
  }
  if (await which('cargo')) return;
  throw new SetupError('Rust is needed to build the gate, and cargo was not found.\nInstall it with rustup: https://rustup.rs');
}

async function wasmTarget() {
  const libraries = await run('rustc', ['--print', 'target-libdir', '--target', WASM_TARGET], { cwd: root });
  if (await exists(libraries.trim())) return;
  if (!(await which('rustup'))) {
    throw new SetupError(
      `This Rust has no standard library for ${WASM_TARGET}.\nInstall Rust with rustup (https://rustup.rs), or your system's package for that target.`,
    );
  }
  say(`Installing the Rust target ${WASM_TARGET}.`);
  await run('rustup', ['target', 'add', WASM_TARGET], { cwd: root });
}

/** The command line tool must equal the library to the last digit, so the lock file decides. */
async function wasmBindgenVersion() {
  let lock;
  try {
    lock = await readFile(join(root, 'Cargo.lock'), 'utf8');
  } catch {
    throw new SetupError('Cargo.lock is missing: this is not a complete clone.');
  }
  const version = /^name = "wasm-bindgen"\r?\nversion = "([^"]+)"/m.exec(lock)?.[1];
  if (!version) throw new SetupError('Cargo.lock names no version of wasm-bindgen.');
  return version;
}

// Without --locked: the lock file that wasm-bindgen-cli 0.2.130 was published with does not resolve.
function wasmBindgen(version) {
  return cargoTool({ crate: 'wasm-bindgen-cli', tool: 'wasm-bindgen', version, minutes: 2, options: [] });
}

function workerBuild() {
  return cargoTool({
    crate: 'worker-build',
    tool: 'worker-build',
    version: WORKER_BUILD,
    minutes: 3,
    options: ['--locked'],
    beforeCompiling: requireOpenssl,
  });
}

async function cargoTool({ crate, tool, version, minutes, options, beforeCompiling }) {
  const directory = join(cache(), `${tool}-${version}`);
  const path = join(directory, 'bin', tool);
  if (await executable(path)) return path;

  const wanted = `${crate}@${version}`;
  const into = ['--root', directory];
  // A repository's .cargo/config.toml is for the gate, not for tools that run on this machine.
  const cwd = tmpdir();
  if (await which('cargo-binstall')) {
    say(`Downloading ${crate} ${version} with cargo binstall.`);
    const strategies = ['--no-confirm', '--disable-strategies', 'compile'];
    await run('cargo', ['binstall', ...strategies, ...into, wanted], { cwd }).catch(() => say('No binary to be had.'));
    if (await executable(path)) return path;
  }
  await beforeCompiling?.();
  say(`Compiling ${crate} ${version}, once: about ${minutes} minutes.`);
  await run('cargo', ['install', '--quiet', ...options, ...into, wanted], { cwd });
  return path;
}

/** worker-build links against the system's OpenSSL on Linux. */
async function requireOpenssl() {
  if (process.platform !== 'linux') return;
  const found = await run('pkg-config', ['--exists', 'openssl']).then(() => which('cc'), () => undefined);
  if (!found) await debianPackages(['build-essential', 'pkg-config', 'libssl-dev'], 'Compiling worker-build');
}

export function cache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portcullis');
}

/** Runs to the end and resolves to its output; a failure carries the last lines it wrote. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let everything = '';
    child.stdout.on('data', (chunk) => ((stdout += chunk), (everything += chunk)));
    child.stderr.on('data', (chunk) => (everything += chunk));
    child.on('error', (error) => reject(new SetupError(`${program} could not be run: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) return resolve(stdout);
      const tail = everything.trimEnd().split('\n').slice(-30).join('\n');
      reject(new SetupError(`${[program, ...args].join(' ')} failed:\n\n${tail}`));
    });
  });
}

export function say(line) {
  console.log(`setup: ${line}`);
}

function exists(path) {
  return access(path).then(() => true, () => false);
}

function executable(path) {
  return access(path, constants.X_OK).then(() => true, () => false);
}

if (isCommand(import.meta.url)) await command(() => setup());
