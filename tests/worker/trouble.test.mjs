// What is said in the place of an origin that does not answer: a page to a person, a short text to anybody else, and
// a line in the log. For a module that broke, see panic.test.mjs.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { navigation, sendBytes } from './support/exchange.mjs';
import { answering } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const { accept } = navigation;
const fails = answering({ fail: true });
const code = 'origin_unreachable';

const site = await startSite();
after(() => site.stop());
const { cookie } = await site.signIn({ path: '/a' });

describe('an origin that does not answer', { timeout: 20_000 }, () => {
  const open = (path, { headers, ...options } = {}) => site.send(path, { headers: { ...fails, cookie, ...headers }, ...options });

  test('is a page to a person: what happened, what to do, and what to search for', async () => {
    for (const path of ['/public/x', '/x']) {
      const answer = await open(path, { headers: navigation });
      assert.deepEqual([answer.status, answer.header('content-type')], [502, 'text/html; charset=utf-8']);
      assert.match(answer.body, /^<!DOCTYPE html><html lang="en">/);
      assert.match(answer.body, /<title>This site does not answer<\/title>.*<h1>This site does not answer<\/h1>/);
      assert.match(answer.body, /Try again in a moment; if it happens again, tell the people who run this site\./);
      assert.match(answer.body, /<a class="button" href="">Try again<\/a>/);
      assert.match(answer.body, /Code <code>origin_unreachable<\/code>, request <code>[0-9a-hjkmnp-tv-z]{12}<\/code>/);
    }
  });

  test('has a page that nobody keeps or frames, and that loads and runs nothing', async () => {
    const answer = await open('/x', { headers: navigation });
    const said = ['cache-control', 'referrer-policy', 'x-content-type-options', 'x-frame-options'].map((name) => answer.header(name));
    assert.deepEqual(said, ['no-store', 'no-referrer', 'nosniff', 'DENY']);
    const [, style] = /<style>(.*)<\/style>/s.exec(answer.body);
    const hash = createHash('sha256').update(style).digest('base64');
    assert.equal(answer.header('content-security-policy'), `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    assert.doesNotMatch(answer.body.replace('<link rel="icon" href="data:,">', ''), /<script|<link|<img|\sstyle=|\son\w+=|https?:/);
    assert.deepEqual(answer.all('set-cookie'), []);
  });

  test('looks as the pages of the module do', async () => {
    const style = ({ body }) => /<style>.*<\/style>/s.exec(body)[0];
    const mark = ({ body }) => /<svg.*<\/svg>/s.exec(body)[0];
    const [own, modules] = [await open('/x', { headers: navigation }), await site.send('/.auth/nothing', { headers: navigation })];
    assert.equal(style(own), style(modules));
    assert.equal(mark(own), mark(modules));
  });

  test('is a page wherever a browser shows one, and a text to anybody else', async () => {
    const rows = [
      [true, { accept }],
      [true, { accept, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
      [false, {}],
      [false, { accept: '*/*' }],
      [false, { accept: 'application/json' }],
      [false, { accept, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
      [false, { accept: 'image/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ];
    for (const [isPage, headers] of rows) {
      const answer = await open('/x', { headers });
      const kind = isPage ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8';
      assert.deepEqual([answer.status, answer.header('content-type')], [502, kind], JSON.stringify(headers));
      for (const [name, value] of [['cache-control', 'no-store'], ['x-content-type-options', 'nosniff']]) assert.equal(answer.header(name), value);
      assert.match(answer.body, isPage ? /request <code>\w{12}</ : /^The site .*\nCode origin_unreachable, request \w{12}\n$/);
    }
  });

  test('is not opened again where a form was sent', async () => {
    const answer = await open('/x', { method: 'POST', headers: { ...navigation, 'sec-fetch-site': 'same-origin' }, body: 'a=b' });
    assert.equal(answer.status, 502);
    assert.match(answer.body, /<p class="actions"><a class="button" href="\/">Home page<\/a><\/p>/);
  });

  test('is told without a word of what was sent', async () => {
    const marker = 'marker-of-a-visitor';
    const headers = { ...navigation, accept: `text/html;q=${marker}`, 'user-agent': marker, referer: `${LOCAL}/${marker}` };
    for (const more of [headers, { ...headers, accept: marker }]) {
      const answer = await open(`/${marker}?${marker}`, { headers: more });
      assert.ok(answer.status === 502 && !`${answer.body}${JSON.stringify(answer.lines)}`.includes(marker), answer.body);
    }
  });

  test('is logged with host and path, and no more of them than the module logs', async () => {
    const long = `/public/${'x'.repeat(4_000)}`;
    for (const [path, logged] of [
      ['/public/x?token=query-of-a-page', '/public/x'],
      ['/public/a%20b//c?d?e', '/public/a%20b//c'],
      [long, long.slice(0, 1_024)],
    ]) {
      const answer = await open(path);
      const request = /request (\w{12})$/m.exec(answer.body)[1];
      const { record } = await site.gate.logs.until((entry) => entry.record?.request === request);
      assert.deepEqual([record.event, record.code, record.host, record.path], ['origin_trouble', code, 'localhost', logged]);
      assert.ok(record.detail && !JSON.stringify(record).includes('query-of'));
    }
  });

  test('does not mean that a header can be read as another one: that is logged too, where it was', async () => {
    assert.equal(await sendBytes(site.gate.url, 'GET /public/y?z HTTP/1.1\r\nHost: localhost\r\nX-Auth\xadEmail: forged\r\n\r\n'), 400);
    const { record } = await site.gate.logs.until((entry) => entry.record?.code === 'header_unreadable');
    assert.deepEqual([record.event, record.host, record.path], ['refused', 'localhost', '/public/y']);
  });
});

test('an answer that cannot be passed on is a page to a person too, and logged with host and path', { timeout: 20_000 }, async () => {
  const site = await startSite({ origin: 'address' });
  try {
    const { cookie } = await site.signIn({ path: '/a' });
    const answer = await site.send('/x?y', { headers: { ...navigation, cookie, ...answering({ status: 999 }) } });
    assert.equal(answer.status, 502);
    assert.match(answer.body, /<h1>This page cannot be shown<\/h1>/);
    const request = /request <code>(\w{12})</.exec(answer.body)[1];
    const { record } = await site.gate.logs.until((entry) => entry.record?.request === request);
    // The host as the visitor asked for it, and not the origin's.
    assert.deepEqual([record.code, record.host, record.path], ['origin_unpassable', 'localhost', '/x']);
  } finally {
    await site.stop();
  }
});
