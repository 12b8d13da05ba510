// `npm test`: everything, from a fresh clone, in one command. Ends with `N passed, N failed`.
//
// `npm test -- rust|worker|browser|papers` runs a part.

import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root, setup, SetupError } from './setup.mjs';

/** A test may panic: that is how it fails. Its tables may have long types. */
const testsMay = ['unwrap_used', 'expect_used', 'indexing_slicing', 'string_slice', 'panic', 'allow_attributes', 'duplicated_attributes', 'type_complexity'].flatMap((lint) => ['-A', `clippy::${lint}`]);
/** The module's budget, gzipped. */
const MODULE_BYTES = 300_000;

const parts = {
  async rust() {
    await check('rustfmt', 'cargo', ['fmt', '--check']);
    await check('clippy', 'cargo', ['clippy', '--locked', '--features', 'check', '--', '-D', 'warnings']);
    await check('clippy of the tests', 'cargo', ['clippy', '--locked', '--all-targets', '--features', 'check', '--', '-D', 'warnings', ...testsMay]);
    await check('clippy for wasm32', 'cargo', ['clippy', '--locked', '--target', 'wasm32-unknown-unknown', '--features', 'drill', '--', '-D', 'warnings']);
    await check('rustdoc', 'cargo', ['doc', '--locked', '--no-deps', '--document-private-items'], { RUSTDOCFLAGS: '-D warnings' });
    // One by one, since the library and the commands have one name.
    for (const target of ['--lib', '--bins']) {
      await check(`rustdoc with the commands, ${target.slice(2)}`, 'cargo', ['doc', '--locked', '--no-deps', '--document-private-items', '--features', 'check', target], { RUSTDOCFLAGS: '-D warnings' });
    }
    await check('rustdoc for wasm32', 'cargo', ['doc', '--locked', '--no-deps', '--document-private-items', '--target', 'wasm32-unknown-unknown'], { RUSTDOCFLAGS: '-D warnings' });
    await counted('cargo test', 'cargo', ['test', '--locked', '--features', 'check'], cargoCounts);
    // A crate of its own, built in a place of its own: the library's file has no hash in its name, and would take
    // that of the tests away, which has other features.
    const fuzz = ['--locked', '--manifest-path', 'fuzz/Cargo.toml', '--target-dir', 'target/fuzz'];
    await check('rustfmt of the fuzz targets', 'cargo', ['fmt', '--check', '--manifest-path', 'fuzz/Cargo.toml']);
    await check('clippy of the fuzz targets', 'cargo', ['clippy', ...fuzz, '--bins', '--', '-D', 'warnings']);
    await check('the fuzz targets, on stable', 'cargo', ['run', '--quiet', ...fuzz, '--bin', 'smoke']);
  },

  async worker() {
    await built();
    const { findProxies } = await import('./proxies.mjs');
    await findProxies();
    await check('the module is built', process.execPath, ['scripts/build.mjs']);
    const bytes = gzipSync(await readFile(join(root, 'build/index_bg.wasm')), { level: 9 }).length;
    result(`the module has ${bytes} bytes gzipped, of ${MODULE_BYTES}`, bytes <= MODULE_BYTES);
    await counted('worker tests', process.execPath, ['--test', ...(await testFiles('tests/worker'))], nodeCounts);
    await check('wrangler takes the configuration', 'npx', ['wrangler', 'deploy', '--dry-run', '--outdir', '.wrangler/dry-run'], { WRANGLER_SEND_METRICS: 'false' });
  },

  async browser() {
    await built();
    const { findChromium, findFirefox } = await import('./browser.mjs');
    await findChromium();
    await findFirefox();
    await counted('browser tests', process.execPath, ['--test', '--test-concurrency=1', ...(await testFiles('tests/browser'))], nodeCounts);
  },

  async papers() {
    await built();
    await counted('papers', process.execPath, ['--test', ...(await testFiles('tests/papers'))], nodeCounts);
  },
};

const total = { passed: 0, failed: 0 };
const failures = [];
let prepared;

try {
  const wanted = process.argv.slice(2);
  await setup();
  for (const name of wanted.length ? wanted : Object.keys(parts)) {
    if (!parts[name]) throw new SetupError(`There is no part ${name}: ${Object.keys(parts).join(', ')}.`);
    await parts[name]();
  }
} catch (error) {
  // Whatever it is that went wrong, it counts, and the last line says so.
  console.error(error instanceof SetupError ? error.message : error);
  total.failed += 1;
}
for (const name of failures) console.log(`failed: ${name}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;

/** Both builds: the one that is deployed, and the one with the endpoints for tests. */
async function built() {
  prepared ??= (async () => {
    for (const env of [{}, { PORTCULLIS_FEATURES: 'drill', PORTCULLIS_OUT: 'build-drill' }]) {
      const { code } = await run(process.execPath, ['scripts/build.mjs'], env);
      if (code !== 0) throw new SetupError('What cannot be built is not tested.');
    }
  })();
  await prepared;
}

async function testFiles(directory) {
  const entries = await readdir(join(root, directory), { recursive: true });
  return entries.filter((entry) => entry.endsWith('.test.mjs')).sort().map((entry) => join(directory, entry));
}

function result(name, passed) {
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name}`);
  total[passed ? 'passed' : 'failed'] += 1;
  if (!passed) failures.push(name);
}

/** A command that passes or fails as a whole. */
async function check(name, command, args, env) {
  const { code } = await run(command, args, env);
  result(name, code === 0);
}

/** A command that counts its own tests. One that ends badly without a failed test counts as one. */
async function counted(name, command, args, counts) {
  console.log(`\n== ${name}`);
  const { code, output } = await run(command, args);
  const { passed, failed } = counts(output);
  total.passed += passed;
  total.failed += failed || (code === 0 && passed > 0 ? 0 : 1);
  if (failed || code !== 0 || passed === 0) failures.push(name);
}

function cargoCounts(output) {
  const rows = [...output.matchAll(/test result: \w+\. (\d+) passed; (\d+) failed/g)];
  return { passed: sum(rows, 1), failed: sum(rows, 2) };
}

function nodeCounts(output) {
  const last = (word) => Number([...output.matchAll(new RegExp(`^(?:ℹ|#) ${word} (\\d+)`, 'gm'))].at(-1)?.[1] ?? 0);
  return { passed: last('pass'), failed: last('fail') + last('cancelled') };
}

function sum(rows, group) {
  return rows.reduce((all, row) => all + Number(row[group]), 0);
}

function run(command, args, env = {}) {
  console.log(`$ ${[command === process.execPath ? 'node' : command, ...args.slice(0, 6), ...(args.length > 6 ? ['…'] : [])].join(' ')}`);
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        process.stdout.write(text);
      });
    }
    child.on('error', failed);
    child.on('close', (code) => done({ code, output }));
  });
}
