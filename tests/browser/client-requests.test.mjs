// The client script in a real browser: which requests are sent again, which are left alone, and pages that ask in their own way.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { nothingConfidentialIsLogged } from '../worker/provider/support/confidential.mjs';
import { arrived, button, dialog, known, lateAda, page, results, send, signInThere, site, somebody } from './support/open-page.mjs';

describe('what changes something', () => {
  const bodies = {
    'a text': () => ({ body: 'a=1' }),
    'a form': () => ({ body: new URLSearchParams({ a: '1' }) }),
    'a file': () => ({ body: new Blob(['a=1'], { type: 'text/x-test' }) }),
    'bytes': () => ({ body: new TextEncoder().encode('a=1') }),
    'a request': () => new Request('/api/orders', { method: 'POST', body: 'a=1', headers: { 'content-type': 'text/x-test' } }),
    'a form with a file': () => {
      const body = new FormData();
      body.append('a', new File(['1'], 'a.txt'));
      return { body };
    },
  };

  test('is done once, as it was, when the same person signs in', async () => {
    await lateAda();
    const expected = await Promise.all(Object.values(bodies).map((make) => page.evaluate(`(async () => {
      const made = (${make})();
      window.results ??= [];
      window.results.push((made instanceof Request ? fetch(made) : fetch('/api/orders', { method: 'POST', ...made })).then(async (response) => ({ status: response.status, body: await response.json() })));
    })()`)));
    assert.equal(expected.length, 6);
    await dialog().waitFor();
    await signInThere('ada');
    const done = await results();
    assert.deepEqual(done.map(({ status, body }) => [status, body.by, body.method]), done.map(() => [200, 'ada', 'POST']));
    const [text, form, file, bytes, request, multipart] = done.map(({ body }) => body);
    assert.deepEqual([text.body, form.body, file.body, bytes.body, request.body], ['a=1', 'a=1', 'a=1', 'a=1', 'a=1']);
    assert.deepEqual([text.type, form.type, file.type, request.type], ['text/plain;charset=UTF-8', 'application/x-www-form-urlencoded;charset=UTF-8', 'text/x-test', 'text/x-test']);
    assert.match(multipart.body, /filename="a\.txt"[\s\S]*\r\n1\r\n/);
    assert.equal(arrived.length, 6, 'each once');
  });

  test('is not done when somebody else signs in, in the same second even; what is read is', async () => {
    await page.route('**/.auth/me', async (route) => {
      const response = await route.fetch();
      const person = await response.json();
      return route.fulfill({ response, json: { ...person, ...(person.expires && { expires: 4_102_444_800 }) } });
    });
    await lateAda();
    await page.evaluate(() => portcullis.addEventListener('signedin', ({ detail }) => (window.detail = detail)));
    await send(['/api/orders', { method: 'POST', body: 'a=1' }], ['/api/orders', { method: 'DELETE' }], ['/api/orders']);
    await dialog().waitFor();
    await signInThere('bob');
    const [post, remove, get] = await results();
    assert.deepEqual([post.status, post.body.code, remove.status], [401, 'sign_in_required', 401]);
    assert.deepEqual([get.status, get.body.by], [200, 'bob']);
    assert.deepEqual(arrived.map(({ method }) => method), ['GET']);
    assert.deepEqual(await page.evaluate(() => [window.detail.person.subject, window.detail.same]), ['bob', false]);
  });

  test('is not done when nobody was known before', async () => {
    await page.goto(`${site.url}/open/`);
    await page.waitForFunction(() => window.portcullis);
    await send(['/api/orders', { method: 'POST', body: 'a=1' }], ['/api/orders']);
    await dialog().waitFor();
    assert.match(await dialog().textContent(), /^Sign in firstSign in to go on/);
    await signInThere('ada');
    assert.deepEqual((await results()).map(({ status }) => status), [401, 200]);
    assert.deepEqual(arrived.map(({ method }) => method), ['GET']);
  });

  test('is not done again when it was done, and what shows it asks for a sign-in', async () => {
    await lateAda();
    await send(['/open/orders?shown_at=/api/orders', { method: 'POST', body: 'a=1' }], ['/open/latest?shown_at=/api/orders']);
    await dialog().waitFor();
    await signInThere('ada');
    const [post, get] = await results();
    assert.deepEqual([post.status, post.body.code], [401, 'sign_in_required']);
    assert.equal(arrived.filter(({ method }) => method === 'POST').length, 1);
    assert.deepEqual([get.status, get.body.by, get.body.path], [200, 'ada', '/api/orders']);
  });

  test('is done once and not again, whatever the answer is', async () => {
    await lateAda();
    let asked = 0;
    const body = JSON.stringify({ status: 401, code: 'sign_in_required', title: 'Sign in first', login_url: `${site.url}/.auth/login` });
    await page.route('**/api/never', (route) => {
      asked += 1;
      return route.fulfill({ status: 401, contentType: 'application/problem+json', body });
    });
    await send(['/api/never', { method: 'POST' }]);
    await dialog().waitFor();
    await signInThere('ada');
    assert.equal((await results())[0].status, 401);
    assert.equal(asked, 2);
    assert.equal(await dialog().count(), 0);
  });
});

describe('what the script leaves alone', () => {
  /** Whether a dialog came; there is time enough for one. */
  async function isAsked() {
    await page.waitForTimeout(300);
    return (await dialog().count()) > 0;
  }

  test('another origin, even one that answers as the gate does', async () => {
    const elsewhere = createServer((request, response) => {
      const headers = { 'access-control-allow-origin': site.url, 'access-control-allow-credentials': 'true', 'access-control-expose-headers': '*' };
      response.writeHead(401, { ...headers, 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status: 401, code: 'sign_in_required', login_url: `${site.url}/.auth/login` }));
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    try {
      await lateAda();
      const url = `http://127.0.0.1:${elsewhere.address().port}/`;
      await send([url], [url, { credentials: 'include' }]);
      assert.deepEqual((await results()).map(({ status }) => status), [401, 401]);
      // The same, after a redirect of our own site's.
      await page.route('**/api/away', (route) => route.fulfill({ status: 302, headers: { location: url } }));
      await send(['/api/away']);
      assert.equal((await results())[0].status, 401);
      assert.equal(await isAsked(), false);
    } finally {
      elsewhere.close();
      elsewhere.closeAllConnections();
    }
  });

  test('a login that is not the gate’s', async () => {
    await lateAda();
    const logins = [
      'https://evil.example/.auth/login', '//evil.example/.auth/login', 'javascript:alert(1)//.auth/login', `${site.url}/.auth/logout`,
      `${site.url}/.auth/login/`, `${site.url}/.auth/login/../logout`, `${site.url}/members/login`, `${site.url}@evil.example/.auth/login`, `blob:${site.url}/.auth/login`, '', 'x',
    ];
    for (const login of logins) await send([`/api/problem?login_url=${encodeURIComponent(login)}`]);
    assert.equal((await results())[0].status, 401);
    assert.equal(await isAsked(), false);
    await send([`/api/problem?login_url=${encodeURIComponent(`${site.url}/.auth/login?x=y`)}`]);
    await dialog().waitFor();
  });

  test('requests that cannot be sent twice, without a session, or to other origins go out as they are', async () => {
    await page.addInitScript(() => {
      const { fetch } = window;
      window.calls = [];
      window.fetch = (...call) => {
        window.calls.push(call);
        return fetch(...call);
      };
    });
    await lateAda();
    const same = await page.evaluate(async () => {
      const inits = [{ method: 'POST', body: new ReadableStream(), duplex: 'half' }, { credentials: 'omit' }];
      const calls = [...inits.map((init) => ['/api/orders', init]), ['http://127.0.0.1:9/', {}], ['http://[', {}]];
      window.calls.length = 0;
      for (const call of calls) await portcullis.fetch(...call).catch(() => {});
      return calls.map(([input, init], rank) => window.calls[rank][0] === input && window.calls[rank][1] === init);
    });
    assert.deepEqual(same, [true, true, true, true]);
    assert.equal(await isAsked(), false);
  });

  test('a request that is given up while the dialog is open', async () => {
    await lateAda();
    await page.evaluate(() => {
      window.controller = new AbortController();
      window.results = [fetch('/api/orders', { signal: window.controller.signal }).catch((error) => error.name)];
    });
    await dialog().waitFor();
    await page.evaluate(() => window.controller.abort());
    assert.deepEqual(await results(), ['AbortError']);
  });
});

describe('a page of its own mind', () => {
  test('asks in its own way, with its own button', async () => {
    await lateAda();
    await page.evaluate(() => {
      portcullis.addEventListener('signinrequired', (event) => {
        event.preventDefault();
        window.detail = event.detail;
      });
      document.querySelector('button').onclick = () => (window.signedIn = portcullis.signIn({ provider: 'demo' }));
    });
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 401);
    assert.deepEqual(await page.evaluate(() => [window.detail.problem.code, window.detail.person.subject]), ['sign_in_required', 'ada']);
    assert.equal(await dialog().count(), 0);
    const opened = somebody.context.waitForEvent('page');
    await page.getByRole('button', { name: 'A button' }).click();
    const popup = await opened;
    await popup.locator('#password').waitFor();
    await somebody.signIn('ada', popup);
    assert.equal((await page.evaluate(() => window.signedIn)).subject, 'ada');
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 200);
  });

  test('signs in by leaving, or waits no longer', async () => {
    await page.goto(`${site.url}/open/page?a=b#c`);
    await page.waitForFunction(() => window.portcullis);
    assert.equal(await page.evaluate(() => portcullis.me()), null);
    await page.evaluate(() => void portcullis.signIn({ mode: 'redirect' }));
    await page.locator('#password').waitFor();
    await somebody.signIn('ada');
    await page.waitForURL(`${site.url}/open/page?a=b#c`);
    await page.evaluate(() => (window.open = () => ({ closed: false, close() {} })));
    const ended = await page.evaluate(() => portcullis.signIn({ signal: AbortSignal.timeout(50) }));
    assert.equal(ended, null);
  });

  test('takes the script twice, and puts its own fetch back', async () => {
    await lateAda();
    const facts = await page.evaluate(async () => {
      const { portcullis } = window;
      const wrapped = window.fetch === portcullis.fetch;
      const undo = portcullis.wrap();
      await import('/.auth/client.js?again');
      undo();
      return [wrapped, window.portcullis === portcullis, window.fetch === portcullis.fetch, /native code/.test(window.fetch)];
    });
    assert.deepEqual(facts, [true, true, false, true]);
    await send(['/api/orders']);
    assert.equal((await results())[0].status, 401);
    assert.equal(await dialog().count(), 0);
  });
});

nothingConfidentialIsLogged();
