// Builds the WebAssembly module with worker-build, unless the one that is there was built from
// exactly these sources. This is what `npm run build` and wrangler's [build] command run.
//
// PORTCULLIS_FEATURES  cargo features to add, separated by commas (the tests' build: see Cargo.toml)
// PORTCULLIS_OUT       directory to build into instead of `build`, so that such a build stays apart

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { command, isCommand, root, setup, SetupError } from './setup.mjs';

const INPUTS = ['src', 'Cargo.toml', 'Cargo.lock', 'package-lock.json', '.cargo', 'scripts/build.mjs'];
const BINARIES = join(root, 'node_modules', '.bin');
const STAMP = '.built-from';
/**
 * What the platform runs, and what rustc is told to use in .cargo/config.toml. Named one by one, so that
 * a newer wasm-opt emits nothing that workerd does not know. The stack grows down to address 0, so the
 * lowest kilobyte is used only when it is about to overflow.
 */
const WASM_OPT = [
  ...['simd', 'mutable-globals', 'sign-ext', 'nontrapping-float-to-int', 'bulk-memory', 'multivalue', 'reference-types', 'exception-handling'].map((feature) => `--enable-${feature}`),
  '--strip-producers',
  '--low-memory-unused',
  '-O',
  '--converge',
  // What is called once is inlined only when small: all of it inlined compresses worse, by 17 KB.
  '--one-caller-inline-max-function-size=20',
  // What is of one kind stands together, which compresses better, by 3 KB.
  '--reorder-functions-by-name',
  // A panic says its file and line without the names of functions, which are a tenth of the module.
  '--strip-debug',
];

export async function build({
  features = process.env.PORTCULLIS_FEATURES ?? '',
  out = process.env.PORTCULLIS_OUT || 'build',
} = {}) {
  const tools = await setup();
  const directory = resolve(root, out);
  const module = join(directory, 'index_bg.wasm');
  // Taken before the build: a source that is saved meanwhile makes the next build run again.
  const inputs = await fingerprint({ features, tools });
  const before = (await contents(module)) && (await contents(join(directory, STAMP)));
  const upToDate = before === inputs;
  if (!upToDate) {
    if (before === undefined) console.log('build: The first build of the module takes a few minutes.');
    // Until it is built again, it is of no sources: a build that was broken off would count as that of before.
    await rm(join(directory, STAMP), { force: true });
    await workerBuild({ tools, directory, features });
    await run(join(BINARIES, 'wasm-opt'), [module, '-o', module, ...WASM_OPT]);
    await writeFile(join(directory, STAMP), inputs);
  }
  const size = sizes(await readFile(module));
  console.log(`build: ${relative(root, module)} ${upToDate ? 'is up to date' : 'is built'}, ${size}.`);
}

function workerBuild({ tools, directory, features }) {
  // A panic names a file; where this machine keeps the crates is nobody's business, and would make other bytes elsewhere.
  const crates = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src');
  const flags = `target.wasm32-unknown-unknown.rustflags=[${JSON.stringify(`--remap-path-prefix=${crates}=crates`)}]`;
  const cargo = ['--locked', '--config', flags, ...(features ? ['--features', features] : [])];
  const args = ['--release', '--out-dir', directory, '.', ...cargo];
  // Named outright, because worker-build would download them from a code host instead.
  return run(tools.workerBuild, args, { WASM_BINDGEN_BIN: tools.wasmBindgen, ESBUILD_BIN: join(BINARIES, 'esbuild') });
}

function run(command, args, env = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', failed);
    child.on('close', (code) => (code === 0 ? done() : failed(new SetupError('The build failed; see above.'))));
  });
}

/** Contents rather than times: a checkout that comes back to what was built builds nothing. */
async function fingerprint({ features, tools }) {
  const hash = createHash('sha256').update(JSON.stringify([features, tools]));
  for (const input of INPUTS) {
    for (const file of await filesUnder(join(root, input))) {
      hash.update(`\0${relative(root, file)}\0`).update(await readFile(file));
    }
  }
  return hash.digest('hex');
}

async function filesUnder(path) {
  try {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path];
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

async function contents(file) {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

function sizes(wasm) {
  const kilobytes = (bytes) => `${(bytes.length / 1000).toFixed(1)} KB`;
  return `${kilobytes(wasm)} raw, ${kilobytes(gzipSync(wasm, { level: 9 }))} gzipped`;
}

if (isCommand(import.meta.url)) await command(() => build());
