// A machine with a fresh clone, on which programs write down how they were called in the place of installing anything.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';

const SCRIPTS = ['setup', 'browser', 'proxies', 'test'].map((name) => `scripts/${name}.mjs`);

// What each does beside writing down how it was called. The shell finds itself and nothing else.
const RUSTC = 'echo "$MACHINE/wasm32"';
const RUSTUP = '/bin/mkdir -p "$MACHINE/wasm32"';
export const NPM = '/bin/mkdir -p node_modules && /bin/cp package-lock.json node_modules/.package-lock.json';
/** Makes the tool that it was asked for, below the directory that follows `--root`. */
export const CARGO = `while [ $# -gt 0 ]; do [ "$1" = --root ] && into="$2"; last="$1"; shift; done
tool="\${last%@*}"; tool="\${tool%-cli}"
/bin/mkdir -p "$into/bin" && echo > "$into/bin/$tool" && /bin/chmod +x "$into/bin/$tool"`;
/** All that building the gate takes. */
export const EVERYTHING = { rustc: RUSTC, rustup: RUSTUP, npm: NPM, cargo: CARGO, cc: '', 'pkg-config': '' };

/** A fresh clone on a machine that has these programs and no others. */
export async function machine(t, programs) {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-machine-'));
  t.after(() => rm(directory, { recursive: true }));
  for (const name of ['bin', 'clone/scripts']) await mkdir(join(directory, name), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'Cargo.lock', ...SCRIPTS]) {
    await copyFile(join(root, file), join(directory, 'clone', file));
  }
  for (const [name, does] of Object.entries(programs)) await program(directory, name, does);
  return directory;
}

async function program(directory, name, does) {
  const path = join(directory, 'bin', name);
  await writeFile(path, `#!/bin/sh\necho "${name} $*" >> "$MACHINE/calls"\n${does}\n`);
  await chmod(path, 0o755);
}

/** Runs a script as that machine's user, `root` or nobody in particular: what it said, ended with and ran. */
export async function runs(directory, { script = 'setup', args = [], user = 0, env = {} } = {}) {
  await rm(join(directory, 'calls'), { force: true });
  // One file for all that it says, so that the order stands.
  const output = await open(join(directory, 'said'), 'w');
  const child = spawn(process.execPath, ['--import', `data:text/javascript,process.getuid=()=>${user}`, join(directory, `clone/scripts/${script}.mjs`), ...args], {
    env: { PATH: join(directory, 'bin'), HOME: directory, XDG_CACHE_HOME: join(directory, 'cache'), MACHINE: directory, ...env },
    stdio: ['ignore', output.fd, output.fd],
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  await output.close();
  const said = await readFile(join(directory, 'said'), 'utf8');
  const calls = existsSync(join(directory, 'calls')) ? await readFile(join(directory, 'calls'), 'utf8') : '';
  return { code, said: said.trim().split('\n'), calls: calls.trimEnd().split('\n') };
}
