// A Cookie header that comes again is not read again: what is remembered of it must be its own, and nobody
// else's, whoever comes in between and however many.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Decider } from '../../src/worker/decider.js';
import { startSite } from './support/site.mjs';

describe('in workerd', { timeout: 60_000 }, () => {
  let site;
  const cookies = {};

  before(async () => {
    site = await startSite({ origin: 'service' });
    for (const user of ['ada', 'bob']) {
      const { cookie } = await site.signIn({ user, path: '/a' });
      cookies[user] = cookie.split('; ').find((pair) => pair.startsWith('portcullis='));
    }
  });
  after(() => site.stop());

  async function seen(headers) {
    await site.arrived();
    const { status } = await site.send('/x', { headers });
    const [arrived] = await site.arrived();
    return { status, subject: arrived?.header('x-auth-subject'), cookie: arrived?.header('cookie') };
  }

  test('each is who they are, however they take turns', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      for (const user of ['ada', 'bob', 'bob', 'ada']) {
        assert.deepEqual(await seen({ cookie: cookies[user] }), { status: 200, subject: user, cookie: undefined });
        assert.deepEqual(await seen({ cookie: `of=${user}; ${cookies[user]}` }), { status: 200, subject: user, cookie: `of=${user}` });
      }
      assert.deepEqual(await seen({}), { status: 401, subject: undefined, cookie: undefined });
    }
  });

  test('more headers than are remembered are judged like the first', async () => {
    for (let visit = 0; visit < 300; visit += 1) {
      const user = visit % 3 ? 'ada' : 'bob';
      const headers = { cookie: `visit=${visit}; ${cookies[user]}` };
      assert.deepEqual(await seen(headers), { status: 200, subject: user, cookie: `visit=${visit}` });
    }
    assert.deepEqual(await seen({ cookie: `visit=0; ${cookies.bob}` }), { status: 200, subject: 'bob', cookie: 'visit=0' });
  });

  test('what is added to a remembered header is read', async () => {
    const { ada, bob } = cookies;
    for (const again of [1, 2]) {
      assert.equal((await seen({ cookie: ada })).status, 200, String(again));
      assert.equal((await seen({ cookie: `${ada}; ${bob}` })).status, 401);
      assert.equal((await seen({ cookie: `${ada}A` })).status, 401);
      assert.equal((await seen({ cookie: ada.slice(0, -1) })).status, 401);
    }
  });
});

describe('the decider', () => {
  const lines = 'GET\nhttps://docs.example.com/x\n\n\n';
  const forOne = ['binding', 'SITE', '=', '', '1'];
  const forAll = ['binding', 'SITE', '=', '', '*'];

  /** The module's functions, which say how they were called; `known` numbers decide, and so do texts. */
  function pretended({ plan = forOne, readable = true } = {}) {
    const calls = [];
    const known = new Set();
    return {
      calls,
      known,
      decide: (_request, text, number) => {
        calls.push(number === undefined ? text : `${number}: ${text}`);
        return number === undefined || known.has(number) ? (plan ?? undefined) : undefined;
      },
      read_cookies: () => {
        if (!readable) return undefined;
        known.add(calls.length);
        return calls.length;
      },
    };
  }

  function ask(decider, cookie) {
    const request = new Request('https://docs.example.com/x', { headers: cookie === undefined ? {} : { cookie } });
    return decider.plan(request, [...request.headers.keys()], 0);
  }

  test('hands a header over once, and then its number', () => {
    const module = pretended();
    const decider = new Decider(module);
    for (let visit = 0; visit < 3; visit += 1) ask(decider, 'a=1');
    ask(decider, 'a=2');
    ask(decider);
    assert.deepEqual(module.calls, [`${lines}=a=1`, `1: ${lines}`, `1: ${lines}`, `${lines}=a=2`, lines]);
  });

  test('remembers nothing that was not forwarded, is for all, holds no session, or is too long', () => {
    for (const [how, cookie] of [[{ plan: null }, 'a=1'], [{ plan: forAll }, 'a=1'], [{ readable: false }, 'a=1'], [{}, `a=${'1'.repeat(8_192)}`]]) {
      const module = pretended(how);
      const decider = new Decider(module);
      for (let visit = 0; visit < 2; visit += 1) ask(decider, cookie);
      assert.deepEqual(module.calls, [`${lines}=${cookie}`, `${lines}=${cookie}`]);
    }
  });

  test('reads a header again whose number is not known any more', () => {
    const module = pretended();
    const decider = new Decider(module);
    ask(decider, 'a=1');
    module.known.clear();
    assert.equal(ask(decider, 'a=1'), undefined);
    assert.equal(ask(decider, 'a=1'), forOne);
    assert.deepEqual(module.calls, [`${lines}=a=1`, `1: ${lines}`, `${lines}=a=1`]);
  });

  test('gives the place of the oldest to the newest', () => {
    const module = pretended();
    const decider = new Decider(module);
    for (let visitor = 0; visitor < 257; visitor += 1) ask(decider, `a=${visitor}`);
    module.calls.length = 0;
    ask(decider, 'a=0');
    ask(decider, 'a=256');
    assert.deepEqual(module.calls, [`${lines}=a=0`, `257: ${lines}`]);
  });
});
