// What `npm test` counts, and that its last line says it whatever happens.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVERYTHING, machine, runs } from './support/machine.mjs';

/** What cargo says of its tests, and nothing of anything else. */
const cargo = (said, code = 0) => `${EVERYTHING.cargo.replace(/^/, 'if [ "$1" = install ]; then ')}
elif [ "$1" = test ]; then echo "${said}"; exit ${code}
fi`;
const PASSED = 'test result: ok. 7 passed; 0 failed; 0 ignored\ntest result: ok. 5 passed; 0 failed; 0 ignored';

/** The last lines of `npm test -- part`. */
async function tests(t, { part = 'rust', cargo: does = cargo(PASSED), files = {} }) {
  const clone = await machine(t, { ...EVERYTHING, cargo: does });
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(clone, 'clone', file, '..'), { recursive: true });
    await writeFile(join(clone, 'clone', file), text);
  }
  const { code, said } = await runs(clone, { script: 'test', args: [part] });
  return { code, said, last: said.at(-1), failed: said.filter((line) => line.startsWith('failed: ')) };
}

/** Those of Rust, beside its tests. */
const CHECKS = 11;

test('every check and every test that passed is counted', async (t) => {
  const { code, last, failed } = await tests(t, {});
  assert.deepEqual([code, last, failed], [0, `${12 + CHECKS} passed, 0 failed`, []]);
});

test('a failed test is counted, and named by its part', async (t) => {
  const { code, last, failed } = await tests(t, { cargo: cargo('test result: FAILED. 6 passed; 2 failed; 0 ignored', 101) });
  assert.deepEqual([code, last, failed], [1, `${6 + CHECKS} passed, 2 failed`, ['failed: cargo test']]);
});

test('tests that end badly, or count nothing, are a failure of their own', async (t) => {
  for (const [does, passed] of [[cargo(PASSED, 101), 12], [cargo('nothing to do'), 0]]) {
    const { code, last, failed } = await tests(t, { cargo: does });
    assert.deepEqual([code, last, failed], [1, `${passed + CHECKS} passed, 1 failed`, ['failed: cargo test']]);
  }
});

test('a check that fails is a failure, and the rest goes on', async (t) => {
  const { code, last, failed } = await tests(t, { cargo: `[ "$1 $3 $4" = "clippy --target wasm32-unknown-unknown" ] && exit 1\n${cargo(PASSED)}` });
  assert.deepEqual([code, last, failed], [1, `${12 + CHECKS - 1} passed, 1 failed`, ['failed: clippy for wasm32']]);
});

test('what cannot be built is not tested, and counts as failed', async (t) => {
  const { code, said, last } = await tests(t, { part: 'papers', files: { 'scripts/build.mjs': 'process.exit(3)' } });
  assert.deepEqual([code, said.at(-2), last], [1, 'What cannot be built is not tested.', '0 passed, 1 failed']);
});

test('an error of the command itself is shown, and counts as failed', async (t) => {
  const { code, said, last } = await tests(t, { part: 'papers', files: { 'scripts/build.mjs': '' } });
  assert.deepEqual([code, last], [1, '0 passed, 1 failed']);
  assert.ok(said.some((line) => line.includes("ENOENT: no such file or directory, scandir")), said.join('\n'));
});

test('the tests of JavaScript are counted as node counts them', async (t) => {
  const example = "import { test } from 'node:test';\ntest('a', () => {});\ntest('b', () => {});\ntest('c', () => { throw new Error(); });\n";
  const { code, last, failed } = await tests(t, { part: 'papers', files: { 'scripts/build.mjs': '', 'tests/papers/example.test.mjs': example } });
  assert.deepEqual([code, last, failed], [1, '2 passed, 1 failed', ['failed: papers']]);
});

test('a part that there is not is named with those that there are', async (t) => {
  const { code, said, last } = await tests(t, { part: 'pages' });
  assert.deepEqual([code, said.at(-2), last], [1, 'There is no part pages: rust, worker, browser, papers.', '0 passed, 1 failed']);
});
