// What must never stand in a log: everything secret that the tests of a file send, get or see on the
// wire is noted here, and the file's last test looks for it in every line that was logged.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const confidential = new Map();
const logged = [];

/** Below this a value could stand in a line by chance, a request id among the letters of another. */
const TELLING = 10;

/** Notes a value, the spelling it has in an address, and the parts of a token. */
export function keepOutOfTheLog(what, value) {
  if (typeof value !== 'string') return;
  const parts = value.split('.').length === 3 ? value.split('.').slice(1) : [];
  for (const text of [value, encodeURIComponent(value), ...parts]) {
    if (text.length >= TELLING) confidential.set(text, what);
  }
}

/** Notes what an authorization request or response carries. */
export function keepAddressOutOfTheLog(url) {
  const { searchParams } = new URL(url, 'http://localhost');
  for (const name of ['code', 'state', 'nonce', 'code_challenge', 'id_token_hint']) {
    keepOutOfTheLog(name, searchParams.get(name) ?? undefined);
  }
}

/** To be given to a gate as its `onLog`. */
export function remember(entry) {
  logged.push(entry.message);
}

/** The last test of a file. */
export function nothingConfidentialIsLogged() {
  test('nothing confidential stands in any line that was logged', () => {
    assert.ok(logged.length > 0, 'nothing was logged at all');
    assert.ok(confidential.size > 0, 'nothing confidential was seen at all');
    for (const line of logged) {
      for (const [value, what] of confidential) {
        assert.ok(!line.includes(value), `a ${what} stands in the log: ${line}`);
      }
      assert.doesNotMatch(line, /\beyJ[\w-]+\.eyJ/, 'a token stands in the log');
      assert.doesNotMatch(line, /[?&](code|state|id_token_hint)=/, 'an address with a code or a state stands in the log');
    }
  });
}
