// How a login ended.

import assert from 'node:assert/strict';

/** A session begins and the browser goes to the page. */
export function assertSignedIn(visitor, answer, path = '/members/') {
  assert.equal(answer.status, 303, `${answer.code ?? ''}\n${answer.text}`);
  assert.equal(answer.next, `${visitor.site}${path}`);
  assert.ok(visitor.session, 'there is a session cookie');
}

/**
 * No session, an honest page that no cache keeps, and a line in the log with the request id that the
 * page shows. `detail` is what the operator reads: it tells the check that refused from the others.
 */
export async function assertRefused(site, visitor, answer, { status, code, detail }) {
  assert.equal(visitor.session, undefined, 'no session begins');
  assert.equal(answer.headers.location, undefined, 'no redirect');
  assert.deepEqual({ status: answer.status, code: answer.code }, { status, code });
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.match(answer.headers['content-security-policy'], /^default-src 'none'/);
  assert.match(answer.text, /<a class="button" href="\/\.auth\//, 'the page has a way on');
  const { record } = await site.logs.until((entry) => entry.record?.request === answer.request && entry.record.event === 'login_failed', {
    timeout: 10_000,
  });
  assert.equal(record.code, code);
  if (detail !== undefined) assert.match(record.detail, detail);
}

/** A login that goes as far as the callback and is refused there, for good. */
export async function assertCallbackRefused(site, visitor, callback, expected) {
  const before = visitor.logins.length;
  const answer = await visitor.open(callback);
  await assertRefused(site, visitor, answer, expected);
  assert.equal(visitor.logins.length, before - 1, 'the login is over');
  return answer;
}
