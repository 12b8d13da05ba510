// What a person sees at the provider.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { people } from './people.mjs';

const style = readFileSync(new URL('style.css', import.meta.url), 'utf8');
const styleHash = createHash('sha256').update(style).digest('base64');

/** Sends a page under a strict policy; `koa` is the library's context where it is the one that answers. */
export function sendPage(response, { status = 200, html, formTargets, koa }) {
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': [
      "default-src 'none'",
      'img-src data:',
      `style-src 'sha256-${styleHash}'`,
      `form-action ${["'self'", ...new Set(formTargets)].join(' ')}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
  };
  if (koa) {
    koa.set(headers);
    koa.body = html;
  } else {
    response.writeHead(status, headers).end(html);
  }
}

export function welcomePage() {
  return page(
    'Welcome',
    `<h1>An OpenID provider</h1>
    <p class="lead">It signs people in to the demo. There is nothing to do here without a site that sends you.</p>
    <p><a href="/.well-known/openid-configuration">Its metadata</a></p>`,
  );
}

export function signInPage({ site, username, signedIn, failed = false }) {
  return page(
    signedIn ? 'Choose an account' : 'Sign in',
    `<h1>${signedIn ? 'Choose an account' : 'Sign in'}</h1>
    <p class="lead">to continue to <strong>${escape(site)}</strong></p>
    ${signedIn ? continueForm(signedIn) : ''}
    ${failed ? '<p class="alert" id="failed" role="alert">That user name and password do not go together.</p>' : ''}
    <form method="post">
      <label for="username">User name</label>
      <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required
        value="${escape(username)}"${failed ? ' aria-describedby="failed" aria-invalid="true"' : ''}${username ? '' : ' autofocus'}>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required${username ? ' autofocus' : ''}>
      <button type="submit">Sign in</button>
    </form>
    <form method="post"><button class="quiet" type="submit" name="cancel" value="yes">Cancel</button></form>`,
    `<p>This provider is part of the demo. It knows two people, and the password of both is <code>demo</code>:</p>
    <dl>${Object.entries(people).map(([name, person]) => `<div><dt><code>${name}</code></dt><dd>${escape(person.groups.join(', '))}</dd></div>`).join('')}</dl>`,
  );
}

export function signOutPage(form) {
  return page(
    'Sign out',
    `<h1>Sign out here as well?</h1>
    <p class="lead">The site has signed you out. At this provider you are still signed in.</p>
    ${form}
    <button form="op.logoutForm" type="submit" name="logout" value="yes" autofocus>Sign out</button>
    <button form="op.logoutForm" type="submit" class="quiet">Stay signed in</button>`,
  );
}

export function signedOutPage() {
  return page('Signed out', '<h1>You are signed out</h1><p class="lead">You can close this page.</p>');
}

/** `site` is where the people come from who see this. */
export function errorPage({ error, error_description: description }, site) {
  return page(
    'That did not work',
    `<h1>That did not work</h1>
    <p class="lead">${escape(description ?? 'The provider could not make sense of the request.')}</p>
    ${error ? `<p><code>${escape(error)}</code></p>` : ''}
    <p><a href="${escape(site.url)}/">Back to ${escape(site.name)}</a></p>`,
  );
}

function continueForm({ name, email }) {
  return `<form method="post" class="account">
      <button type="submit" name="continue" value="yes"><span aria-hidden="true">${escape(name[0])}</span>
        <span><strong>${escape(name)}</strong><small>${escape(email)}</small></span></button>
    </form>
    <p class="or">or use another one</p>`;
}

function page(title, main, aside = '') {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <link rel="icon" href="data:,">
  <title>${escape(title)} – Demo provider</title>
  <style>${style}</style>
</head>
<body>
  <main>
    <p class="brand"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H21v4M17 12v3"/></svg>Demo provider</p>
    ${main}
  </main>
  ${aside ? `<aside>${aside}</aside>` : ''}
</body>
</html>`;
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
