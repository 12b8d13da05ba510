// The client script, served at /.auth/client.js: a `fetch` for pages that outlive their session. At the gate's 401 it
// offers to sign in, in a window of its own or by leaving the page, and then sends the request once more.
// docs/single-page-apps.md says how to use it.
//
// It runs with the page's rights, so nothing here protects the site; it must not do more than the page asked for. It
// takes part only in requests to this origin, follows no address but the gate's own login, and believes only
// /.auth/me about who is signed in.
//
// Comments here are on lines of their own: the gate serves the script without them (client.rs).

(() => {
  'use strict';
  // The gate puts its prefix and the version in place of these two.
  const PREFIX = '/.auth';
  const VERSION = 'unversioned';

  if (window.portcullis?.version) return;

  // What may be repeated, whoever is signed in.
  const READS = ['GET', 'HEAD', 'OPTIONS'];
  // Polling, in case no message arrives: two seconds, and half as long again each time.
  const PATIENCE = 2000;

  // The original `fetch`.
  let plain = window.fetch.bind(window);
  // Who is signed in, as far as is known here: a promise of a person, null, or undefined.
  let known = who();
  // When the latest sign-in was noticed.
  let latest = 0;
  // The sign-in that every request waits for.
  let pending;
  // The window to sign in with, and the login that it was opened for.
  let popup;
  let shown;
  // Somebody chose "Not now", and has touched nothing since.
  let declined = false;
  // What window.fetch was before wrap().
  let replaced;

  const portcullis = (window.portcullis = Object.assign(new EventTarget(), {
    version: VERSION,
    words: {
      lang: 'en',
      ended: 'Your session has ended',
      person: (name) => `You were signed in as ${name}. `,
      text: 'Sign in to go on; what you were doing waits here.',
      waiting: 'Go on in the window that has opened. This page continues by itself.',
      signIn: 'Sign in',
      notNow: 'Not now',
    },
    fetch: fetchSignedIn,
    wrap,
    signIn,
    me,
  }));

  // fetch(input, init), which at the gate's 401 waits for a sign-in and then asks once more.
  async function fetchSignedIn(input, init) {
    if (!takesPart(input, init)) return plain(input, init);
    const request = new Request(input, init);
    const spare = request.clone();
    const asker = known;
    const started = performance.now();
    const answer = await plain(request);
    const login = await loginOf(answer);
    if (!login) return answer;
    const person = await Promise.race([signedIn(login, started), abandoned(spare.signal)]);
    // A request that changes something is repeated for the person who asked for it, or not at all. If it was
    // redirected, the site may have taken it already, and the 401 is about what came next.
    const same = person && (READS.includes(spare.method) || (!answer.redirected && isSame(await asker, person)));
    return same ? plain(spare) : answer;
  }

  // Installs it as window.fetch; the returned function undoes that.
  function wrap() {
    if (!replaced) {
      replaced = window.fetch;
      plain = replaced.bind(window);
      window.fetch = fetchSignedIn;
    }
    return () => {
      if (window.fetch !== fetchSignedIn) return;
      window.fetch = replaced;
      replaced = undefined;
    };
  }

  // Opens the sign-in; to be called from a click. Fulfilled with the person, or with null on `signal`.
  function signIn({ mode, provider, prompt, signal } = {}) {
    const url = new URL(`${PREFIX}/login`, location.href);
    if (provider) url.searchParams.set('provider', provider);
    if (prompt) url.searchParams.set('prompt', prompt);
    const before = who();
    open(url, mode);
    return newSession(before, signal).then(settle);
  }

  // Who is signed in, or null.
  async function me() {
    const answer = await plain(`${PREFIX}/me`, { headers: { accept: 'application/json' }, cache: 'no-store' });
    if (answer.status === 401) return null;
    if (!answer.ok) throw new Error(`${PREFIX}/me answers ${answer.status}`);
    return answer.json();
  }

  // The same, but undefined if that cannot be known.
  function who() {
    return me().catch(() => undefined);
  }

  // Whether a request is to this origin, with a session, and with a body that can be sent twice.
  function takesPart(input, init) {
    try {
      const asked = input instanceof Request;
      const { origin } = new URL(asked ? input.url : input, document.baseURI);
      const credentials = init?.credentials ?? (asked ? input.credentials : '');
      return origin === location.origin && credentials !== 'omit' && !(init?.body instanceof ReadableStream);
    } catch {
      return false;
    }
  }

  // The gate's login that an answer names, with what else the answer says; nothing for any other answer.
  async function loginOf(answer) {
    const kind = answer.headers.get('content-type') ?? '';
    // `basic`: it came from this origin, after all redirects.
    if (answer.status !== 401 || answer.type !== 'basic' || !/^application\/problem\+json\b/i.test(kind)) return undefined;
    try {
      const problem = await answer.clone().json();
      const url = new URL(problem.login_url);
      return url.origin === location.origin && url.pathname === `${PREFIX}/login` ? { url, problem } : undefined;
    } catch {
      return undefined;
    }
  }

  // Who signed in for a request that was sent at `started`; null if nobody did.
  function signedIn(login, started) {
    if (started <= latest) return known;
    pending ??= ask(login).finally(() => (pending = undefined));
    return pending;
  }

  async function ask({ url, problem }) {
    const [before, now] = await Promise.all([known, who()]);
    // In another tab, in the meantime.
    if (now && problem.code === 'sign_in_required') return settle(now);
    const event = new CustomEvent('signinrequired', { cancelable: true, detail: { problem, person: before } });
    if (declined || !portcullis.dispatchEvent(event)) return null;
    const person = await offer(url, before && !now ? portcullis.words.ended : problem.title, before, now);
    if (!person) waitForTouch();
    return settle(person);
  }

  // A page that asks by itself, perhaps every minute, does not ask again until somebody is there.
  function waitForTouch() {
    declined = true;
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => (declined = false), { capture: true, once: true });
  }

  async function settle(person) {
    const before = await known;
    if (!person) return null;
    popup?.close();
    latest = performance.now();
    declined = false;
    known = Promise.resolve(person);
    const detail = { person, same: isSame(before, person) };
    if (!detail.same || before.expires !== person.expires) portcullis.dispatchEvent(new CustomEvent('signedin', { detail }));
    return person;
  }

  function isSame(one, other) {
    return !!one && !!other && one.subject === other.subject && one.provider === other.provider;
  }

  function abandoned(signal) {
    return new Promise((_, failed) => {
      if (signal.aborted) failed(signal.reason);
      signal.addEventListener('abort', () => failed(signal.reason));
    });
  }

  // In a window of its own, or else by leaving this page. `for` is what needs the sign-in: its rule may ask for a
  // newer or a stronger one than this page's.
  function open(login, mode) {
    const url = new URL(login);
    const { searchParams } = url;
    if (searchParams.has('return_to')) searchParams.set('for', searchParams.get('return_to'));
    searchParams.set('return_to', `${PREFIX}/signed-in`);
    if (mode !== 'redirect' && openWindow(url)) return true;
    searchParams.set('return_to', location.href.split('#')[0]);
    url.hash = location.hash;
    location.assign(url);
    return false;
  }

  // Opens a window that ends at a page of the gate's. False if the browser opens none.
  function openWindow(url) {
    if (popup && !popup.closed && shown === url.href) popup.focus();
    else {
      shown = url.href;
      const [left, top] = [screenX + (outerWidth - 480) / 2, screenY + (outerHeight - 720) / 3];
      popup = window.open(url, '_blank', `popup,width=480,height=720,left=${left},top=${top}`);
      // So that no page on the way can navigate this one elsewhere.
      if (popup) popup.opener = null;
    }
    return !!popup && !popup.closed;
  }

  // Fulfilled with who is signed in, once there is a session other than that of `before`; with null, if `signal` ends
  // the wait. A message is only a hint to look; a window that reads as closed may still be open, under a policy of its
  // own.
  function newSession(before, signal) {
    return new Promise((resolve) => {
      const channel = new BroadcastChannel('portcullis');
      let wait = PATIENCE;
      let timer;
      const end = (person) => {
        clearTimeout(timer);
        channel.close();
        removeEventListener('focus', look);
        resolve(person);
      };
      const look = async () => {
        const [old, now] = await Promise.all([before, who()]);
        if (now && now.expires !== old?.expires) end(now);
      };
      const poll = () => {
        look();
        wait *= 1.5;
        timer = setTimeout(poll, wait);
      };
      channel.onmessage = look;
      addEventListener('focus', look);
      timer = setTimeout(poll, wait);
      signal?.addEventListener('abort', () => end(null));
      if (signal?.aborted) end(null);
    });
  }

  // The dialog. It is in a shadow tree with its own sheet, so that the page's styles and its policy for styles leave
  // it alone; colours and fonts are the page's.
  function offer(url, title, before, now) {
    const { words } = portcullis;
    const stop = new AbortController();
    const host = element('div');
    const heading = element('h2', { id: 'title', textContent: title });
    const name = visible(before?.name) || visible(before?.email);
    const text = element('p', { id: 'text', ariaLive: 'polite', textContent: (name ? words.person(name) : '') + words.text });
    const yes = element('button', { className: 'yes', textContent: words.signIn, autofocus: true });
    const no = element('button', { textContent: words.notNow });
    const dialog = element('dialog', { lang: words.lang }, heading, text, element('div', {}, yes, no));
    dialog.setAttribute('aria-labelledby', 'title');
    dialog.setAttribute('aria-describedby', 'text');
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const shadow = host.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(dialog);
    return new Promise((resolve) => {
      yes.onclick = () => {
        if (open(url)) text.textContent = words.waiting;
      };
      no.onclick = () => dialog.close();
      // Escape ends here too.
      dialog.onclose = () => {
        stop.abort();
        host.remove();
        resolve(null);
      };
      newSession(now, stop.signal).then((person) => {
        if (!person) return;
        resolve(person);
        dialog.close();
      });
      document.body.append(host);
      dialog.showModal();
    });
  }

  // Without what nobody sees, as the gate's own pages show a name: see `visible` in claims.rs.
  function visible(text) {
    const seen = text?.replace(/(?![\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\u{e0000}-\u{e0fff}])[\p{Cc}\p{DI}\u2800\ufff9-\ufffb\u{1d159}]/gu, '');
    return seen?.replace(/^[\s\p{DI}]+/u, '').trim();
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const STYLE = `
    :host { display: contents }
    dialog { box-sizing: border-box; width: min(26rem, calc(100vw - 2rem)); padding: 1.75rem; border: 1px solid var(--portcullis-line, color-mix(in srgb, CanvasText 16%, Canvas)); border-radius: var(--portcullis-radius, 16px); background: var(--portcullis-card, Canvas); color: var(--portcullis-ink, CanvasText); font: inherit; font-size: 1rem; line-height: 1.55; text-align: start; box-shadow: 0 2px 6px #0002, 0 24px 64px #0004 }
    dialog::backdrop { background: #0008 }
    h2 { margin: 0 0 .5rem; font: inherit; font-family: var(--portcullis-heading, inherit); font-size: 1.35rem; font-weight: 600; line-height: 1.25; text-wrap: balance }
    p { margin: 0; overflow-wrap: anywhere; color: var(--portcullis-soft, color-mix(in srgb, var(--portcullis-ink, CanvasText) 78%, var(--portcullis-card, Canvas))) }
    div { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem }
    button { min-height: 2.75rem; padding: .5rem 1.35rem; border: 1px solid var(--portcullis-line, color-mix(in srgb, CanvasText 24%, Canvas)); border-radius: var(--portcullis-button-radius, 10px); background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer }
    button:hover { text-decoration: underline }
    .yes { border-color: transparent; background: var(--portcullis-accent, CanvasText); color: var(--portcullis-on-accent, Canvas) }
    button:focus-visible { outline: 3px solid var(--portcullis-focus, CanvasText); outline-offset: 3px }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open], dialog[open]::backdrop { animation: come .18s ease-out }
      @keyframes come { from { opacity: 0; translate: 0 8px } }
    }
  `;
})();
