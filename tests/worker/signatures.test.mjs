// Other people's signatures, held against their keys by the gate in workerd: the platform's WebCrypto, with the
// parameters that the gate gives it, judges as the native verifier does (tests/vectors.rs).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { build } from '../../scripts/build.mjs';
import { startSite } from './support/site.mjs';

const OUT = 'build-drill';
const vectors = async (name) => JSON.parse(await readFile(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'));

before(() => build({ features: 'drill', out: OUT }), { timeout: 900_000 });

describe('in workerd', { timeout: 60_000 }, () => {
  let site;
  let exceptions;

  before(async () => {
    exceptions = await vectors('exceptions');
    const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'EdDSA'];
    const settings = (issuer) => ({ providers: [{ id: 'all', title: 'All', issuer, client_id: 'all', algorithms }] });
    site = await startSite({ settings, gate: { build: OUT } });
  });
  after(() => site.stop());

  for (const [file, counts] of [
    ['wycheproof', { json_web_signature: [32, 369], json_web_key: [2, 24] }],
    ['rfc', { rfc7515: [2, 4], rfc8037: [1, 0] }],
  ]) {
    test(`every row of ${file}.json is judged as it is natively`, async () => {
      const seen = {};
      for (const { set, comment, keys, tests } of await vectors(file)) {
        seen[set] ??= [0, 0];
        const judge = async ({ id, comment: row, jws, valid }) => {
          const exception = exceptions.find((entry) => entry.set === set && entry.ids.includes(id));
          const { status, body } = await site.send('/.auth/drill/signature', { method: 'POST', body: JSON.stringify({ jws, keys }) });
          const expected = (exception?.accepted ?? valid) ? 'accepted' : 'refused';
          assert.deepEqual([status, body], [200, expected], `${set} ${id} ${comment} ${row}`);
          seen[set][body === 'accepted' ? 0 : 1] += 1;
        };
        await Promise.all(tests.map(judge));
      }
      assert.deepEqual(seen, counts);
    });
  }
});
