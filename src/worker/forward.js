// Carries out a plan: the edits that the gate asks for, on the platform's own objects. Bodies and WebSockets pass
// through untouched.

import { trouble } from './trouble.js';

/** Headers that let a shared cache keep an answer despite Cache-Control. */
const OUTRANKING = ['cdn-cache-control', 'cloudflare-cdn-cache-control', 'surrogate-control'];
/**
 * The gate's own cookies (see session/cookie.rs): one that the origin sets is dropped. A cookie without a name comes
 * back as its value, so it may look like one of them.
 */
const OWN_COOKIE = /^\s*=?\s*(?:__Host-|__Secure-)?portcullis(?:-hint|-login-[^=;]*)?\s*(?:[=;]|$)/;
/** A directive of Cache-Control, with its argument. */
const DIRECTIVE = /[^\s,;="]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*))?/g;
const SHARED = /^(?:public|private|s-maxage|proxy-revalidate)(?=$|[\s=])/i;
/** What values of Cache-Control became: a site has few, and parsing one is expensive. */
const PRIVATE = new Map();
const MOST_REMEMBERED = 64;

const UNREACHABLE = {
  status: 502,
  event: 'origin_trouble',
  code: 'origin_unreachable',
  title: 'This site does not answer',
  text: 'The site behind this address does not answer. Try again in a moment; if it happens again, tell the people who run this site.',
};

const UNPASSABLE = {
  status: 502,
  event: 'origin_trouble',
  code: 'origin_unpassable',
  title: 'This page cannot be shown',
  text: 'The site behind this address gave an answer that cannot be passed on. Tell the people who run this site.',
};

const UNREADABLE = {
  status: 400,
  event: 'refused',
  code: 'header_unreadable',
  title: 'Not possible',
  text: 'The request has a header that could be read as another one. If something on the way adds headers, such as an extension of your browser, try again without it.',
};

let managed;

/**
 * Forwards `request` by `plan` (see plan.rs). Its headers can be edited, and have these `names`. `managedHeaders` says
 * which of them no client may use: the settings are known by then, and stay the same for as long as this isolate lives.
 */
export function forward(request, names, env, plan, managedHeaders) {
  // By number: destructuring an array uses an iterator, which costs more.
  const { 0: kind, 1: where, 2: cookies, 3: others, 4: keep } = plan;
  const privately = keep[0] === '1';
  let answer;
  try {
    managed ??= new Managed(managedHeaders().split(','));
    const { headers } = request;
    if (!managed.remove(names, headers)) return trouble(UNREADABLE, 'a name outside ASCII', request);
    if (cookies === '-') headers.delete('cookie');
    else if (cookies === '+') headers.set('cookie', others);
    if (keep[1] === '-') headers.delete('authorization');
    for (let line = 5; line < plan.length; line += 2) headers.set(plan[line], plan[line + 1]);
    answer = kind === 'binding' ? env[where].fetch(request) : fetchFrom(kind === 'zone' ? request : new Request(where, request), privately);
  } catch (error) {
    return failed(error, request);
  }
  if (keep[0] === '0') return answer.then((response) => withoutBody(response, request), (error) => failed(error, request));
  return answered(answer, request, privately);
}

/**
 * What comes of it. For one person, an answer that no shared cache may keep; for everybody, the answer as the origin
 * gave it, except for our cookies; and if something goes wrong, an error in a form that the sender of `request` can
 * use.
 */
function answered(answer, request, privately) {
  const change = privately
    ? (response) => edit(response, makePrivate, request)
    : (response) => (response.headers.has('set-cookie') ? edit(response, dropOwnCookies, request) : response);
  return answer.then(change, (error) => failed(error, request));
}

/** Fetches from a server: what is fetched for one person must not reach another from the zone's cache. */
function fetchFrom(request, privately) {
  return privately ? fetch(request, { cache: 'no-store' }) : fetch(request);
}

/**
 * The names of headers that only the gate sets, or that would lead a request elsewhere, in every spelling: a client's
 * header is removed if it equals one once every character other than letters and digits reads as `-`. For a name
 * after a `~`, only spellings other than the name itself are removed.
 */
class Managed {
  constructor(names) {
    this.spelled = new Set(names.filter((name) => name.startsWith('~')).map((name) => name.slice(1)));
    this.names = new Set(names.filter((name) => !name.startsWith('~')));
    // A managed name begins with a letter, so every spelling of it has its length and its first letter.
    this.shapes = new Set([...this.names, ...this.spelled].map(shape));
  }

  /**
   * Removes those of `names` that are managed. False if it could not: a name with bytes outside ASCII, which are not
   * allowed (RFC 9110, 5.1), cannot be deleted.
   */
  remove(names, headers) {
    let found;
    for (const name of names) {
      if (this.shapes.has(shape(name)) && this.has(name)) (found ??= []).push(name);
    }
    if (!found) return true;
    for (const name of found) headers.delete(name);
    return found.every((name) => /^[!-~]+$/.test(name));
  }

  has(name) {
    const plain = name.replace(/[^a-z0-9]/g, '-');
    return this.names.has(plain) || (plain !== name && this.spelled.has(plain));
  }
}

/** Few headers share a length and a first letter with a managed one, and comparing these is cheaper than the name. */
function shape(name) {
  return name.length * 128 + name.charCodeAt(0);
}

function makePrivate(headers) {
  headers.set('cache-control', privateCacheControl(headers.get('cache-control')));
  for (const name of OUTRANKING) headers.delete(name);
  dropOwnCookies(headers);
}

function withoutBody(response, request) {
  // The connection is free again only when nobody waits for it.
  response.body?.cancel().catch(() => {});
  return edit(response, dropBody, request, null);
}

/** Neither what is said of a body that is not there, nor our cookies. */
function dropBody(headers) {
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) headers.delete(name);
  dropOwnCookies(headers);
}

/**
 * A response with edited headers, and with the same body unless another is given. One that the platform cannot make
 * anew because of its status is not passed on.
 */
function edit(response, change, request, body = response.body) {
  const { webSocket } = response;
  // No cache keeps a handshake: it is edited only where it sets a cookie of ours.
  if (webSocket && !response.headers.getSetCookie().some(isOwnCookie)) return response;
  try {
    const edited = webSocket
      ? new Response(null, { status: response.status, headers: response.headers, webSocket })
      : new Response(body, response);
    change(edited.headers);
    return edited;
  } catch (error) {
    return trouble(UNPASSABLE, error, request);
  }
}

function dropOwnCookies(headers) {
  const lines = headers.getSetCookie();
  if (!lines.some(isOwnCookie)) return;
  const others = lines.filter((line) => !isOwnCookie(line));
  headers.delete('set-cookie');
  for (const line of others) headers.append('set-cookie', line);
}

/** Most cookies do not contain our name, and looking for it is cheaper than parsing a line. */
function isOwnCookie(line) {
  return line.includes('portcullis') && OWN_COOKIE.test(line);
}

/** What the origin asked for, without what addresses shared caches, and with `private`. */
export function privateCacheControl(value) {
  let edited = PRIVATE.get(value);
  if (edited === undefined) {
    const kept = (value ?? '').match(DIRECTIVE)?.filter((directive) => !SHARED.test(directive)) ?? [];
    edited = ['private', ...kept].join(', ');
    if (PRIVATE.size >= MOST_REMEMBERED) PRIVATE.clear();
    PRIVATE.set(value, edited);
  }
  return edited;
}

/** The origin is not there, or the connection broke before its answer began. */
function failed(error, request) {
  return trouble(UNREACHABLE, error, request);
}
