// The log: a line of JSON for each decision that matters, with nothing in it that would let its reader in.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { navigation } from './support/exchange.mjs';
import { answering } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const KINDS = [
  'login_started',
  'login_finished',
  'login_failed',
  'logout',
  'denied',
  'refused',
  'provider_trouble',
  'origin_trouble',
];

/** As docs/codes.md says; all others have `log`. */
const LEVELS = { login_failed: 'warn', provider_trouble: 'warn', origin_trouble: 'error' };

describe('the log', { timeout: 20_000 }, () => {
  let site;
  let login;
  const hidden = new Map();

  // One of everything, with what must not be seen written down.
  before(async () => {
    site = await startSite();
    login = await site.signIn({ path: '/a?token=query-of-the-page' });
    hidden.set('the query of the page', 'query-of-the-page');
    for (const { url, answer } of login.steps) {
      const { searchParams } = new URL(url);
      for (const name of ['code', 'state', 'nonce', 'code_challenge'])
        if (searchParams.has(name)) hidden.set(name, searchParams.get(name));
      for (const line of answer.all('set-cookie')) hidden.set(`the cookie ${line.split('=')[0]}`, /=([^;]*)/.exec(line)[1]);
    }
    hidden.set('the client secret', site.provider.clientSecret);
    const { cookie } = login;
    await site.send('/admin/x?token=query-of-the-admins', {
      headers: { cookie: (await site.signIn({ user: 'bob', path: '/a' })).cookie },
    });
    await site.send('/public/..%2fadmin?token=query-of-a-riddle', { headers: { cookie } });
    await site.send('/a?token=query-of-a-stranger', { method: 'POST', headers: { cookie, origin: 'https://evil.example' } });
    await site.send('/public/x?token=query-of-elsewhere', { headers: { host: 'evil.example', cookie } });
    await site.send('/a?token=query-of-nobody');
    await site.send('/a?token=query-of-a-failure', { headers: { cookie, ...answering({ fail: true }) } });
    await site.send('/.auth/callback?code=code-of-a-stranger&state=state-of-a-stranger', { headers: navigation });
    const again = login.steps.find(({ url }) => url.includes('/.auth/callback'));
    await site.send(again.url.slice(LOCAL.length), { headers: navigation });
    const denied = new URL(again.url);
    denied.searchParams.delete('code');
    denied.searchParams.set('error', 'access_denied');
    denied.searchParams.set('error_description', 'description-of-an-error');
    await site.send(`${denied.pathname}${denied.search}`, { headers: navigation });
    await site.send('/.auth/logout?token=query-of-a-logout', { method: 'POST', headers: { cookie, origin: LOCAL } });
    for (const word of ['query-of', 'code-of', 'state-of', 'description-of']) hidden.set(word, word);
    await site.gate.logs.until(({ record }) => record?.event === 'logout');
  });
  after(() => site.stop());

  test('is JSON, one object a line, of a known kind with a code and a request', () => {
    assert.ok(site.gate.logs.length >= 8, `${site.gate.logs.length} lines`);
    for (const { level, message, record } of site.gate.logs) {
      assert.ok(record, message);
      assert.equal(level, LEVELS[record.event] ?? 'log', message);
      assert.equal(record.gate, 'portcullis');
      assert.ok(KINDS.includes(record.event), message);
      assert.match(record.code, /^[a-z0-9_]+$/);
      assert.match(record.request, /^[0-9a-hjkmnp-tv-z]{12}$/);
      assert.doesNotMatch(message, /\n/);
      assert.ok(record.path === undefined || !record.path.includes('?'), message);
    }
  });

  test('has a line for each decision', () => {
    const codes = site.gate.logs.map(({ record }) => `${record.event} ${record.code}`);
    for (const expected of [
      'login_started started',
      'login_finished finished',
      'denied not_allowed',
      'refused path_ambiguous',
      'refused cross_site',
      'refused host_unknown',
      'login_failed response_malformed',
      'login_started restarted',
      'origin_trouble origin_unreachable',
      'logout signed_out',
    ]) {
      assert.ok(codes.includes(expected), `${expected} is not in:\n${codes.join('\n')}`);
    }
  });

  test('has nothing to say of what is admitted, or of who is asked to sign in', async () => {
    const before = site.gate.logs.length;
    const { cookie } = login;
    for (const path of ['/a', '/public/a', '/admin/a', '/.auth/me', '/.auth/health'])
      await site.send(path, { headers: { cookie } });
    for (const headers of [{}, navigation]) await site.send('/a', { headers });
    await site.send('/public/..%2fadmin');
    await site.gate.logs.until((entry) => site.gate.logs.indexOf(entry) >= before);
    assert.deepEqual(
      site.gate.logs.slice(before).map(({ record }) => record.code),
      ['path_ambiguous'],
    );
  });

  test('never holds a cookie, a code, a token, a query or a secret', () => {
    assert.ok(hidden.size >= 10, [...hidden.keys()].join());
    for (const { message } of site.gate.logs) {
      for (const [what, text] of hidden) {
        assert.ok(text === '' || !message.includes(text), `${what}: ${message}`);
      }
      assert.doesNotMatch(message, /eyJ/, 'a JSON web token');
    }
  });

  test('names the request that the page names', async () => {
    const page = await site.send('/public/..%2fadmin', { headers: navigation });
    const problem = await site.send('/public/..%2fadmin');
    const requests = [/request <code>(\w+)<\/code>/.exec(page.body)[1], problem.json().request];
    assert.notEqual(requests[0], requests[1]);
    for (const request of requests) {
      const { record } = await site.gate.logs.until((entry) => entry.record?.request === request);
      assert.deepEqual([record.code, record.host, record.path], ['path_ambiguous', 'localhost', '/public/..%2fadmin']);
    }
  });

  test('says who was not allowed, where, and by which rule', () => {
    const [denied] = site.gate.logs.withCode('not_allowed');
    assert.equal(denied.path, '/admin/x');
    assert.deepEqual([denied.provider, denied.subject, denied.by], ['demo', 'bob', 'allow']);
    assert.match(denied.rule, /\/admin\/\*\*/);
  });

  test('says whose session began and ended, by the same id', () => {
    const [began] = site.gate.logs.withCode('finished');
    const [ended] = site.gate.logs.withCode('signed_out');
    assert.deepEqual([began.subject, ended.subject], ['ada', 'ada']);
    assert.equal(began.session, ended.session);
  });
});
