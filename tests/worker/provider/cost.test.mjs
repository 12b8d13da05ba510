// What an answer of a provider, or an entry in KV, may cost at most: an isolate has 128 MB for everybody, and memory
// that WebAssembly took once it keeps; a request has some milliseconds.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { build } from '../../../scripts/build.mjs';
import { send } from '../support/exchange.mjs';
import { Cache } from './support/cache.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

const OUT = 'build-drill';
/** As much as an answer may have (see src/oidc.rs), less what stands around it. */
const FULL = 260_000;
/** The largest value of KV. */
const LARGEST = 26_214_400;

let site;
before(async () => {
  await build({ features: 'drill', out: OUT });
  site = await startSite({ settings: { switch: true }, gate: { build: OUT } });
}, { timeout: 900_000 });
after(() => site?.close());

const memory = async () => Number((await send(`${site.url}/.auth/drill/memory`)).body);

/** As many chunks as bytes. */
function dripped({ json }, length) {
  const bytes = Buffer.from(JSON.stringify(json).padEnd(length));
  return (response) => {
    response.removeHeader('content-length');
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.flushHeaders();
    response.socket.end(`${[...bytes].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('')}0\r\n\r\n`, 'latin1');
  };
}

test('an answer byte by byte is read as one', { timeout: 60_000 }, async () => {
  hostile(site.provider, { token: (answer) => void (answer.send = dripped(answer, FULL)) });
  const visitor = site.visitor();
  const callback = await visitor.authorize('/members/');
  const before = Date.now();
  assertSignedIn(visitor, await visitor.open(callback));
  const seconds = (Date.now() - before) / 1000;
  assert.ok(seconds < 2.5, `${seconds} s`);
});

/** An honest answer with as many of these beside it as there is room for. */
const full = (unit) => (answer) => {
  const honest = JSON.stringify(answer.json).slice(0, -1);
  answer.body = `${honest},"more":[${Array(Math.floor((FULL - honest.length) / (unit.length + 1))).fill(unit)}]}`;
};

test('an answer of lists and objects without end is not taken apart to its end', { timeout: 60_000 }, async () => {
  const before = await memory();
  for (const unit of ['{"":0}', '[0]']) {
    hostile(site.provider, { token: full(unit) });
    const visitor = site.visitor();
    await assertCallbackRefused(site, visitor, await visitor.authorize('/members/'), { status: 502, code: 'token_refused', detail: /not a token response/ });
  }
  const more = (await memory()) - before;
  assert.ok(more < 8_000_000, `${more} bytes`);
});

test('an entry in KV that is longer than any of ours is not read to its end', { timeout: 60_000 }, async () => {
  hostile(site.provider);
  const cache = new Cache(site);
  await site.visitor().signIn('/members/');
  const entries = await cache.entries();
  assert.equal(Object.keys(entries).length, 2);
  await site.gate.dispose();
  await site.start();
  for (const entry of Object.values(entries)) entry.value = '\u00fc'.repeat(LARGEST / 2);
  await cache.put({ ...entries, switch: { name: 'portcullis:switch', value: 'x'.repeat(LARGEST) } });
  const visitor = site.visitor();
  await visitor.signIn('/members/');
  assert.ok(visitor.session, 'as if nothing stood there');
  await site.logs.until(({ record }) => record?.code === 'switch_refused');
  assert.ok((await memory()) < 3_000_000, `${await memory()} bytes`);
});
