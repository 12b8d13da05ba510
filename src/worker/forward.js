// Carries out a plan: the edits that the gate asked for, on the platform's own objects. Bodies and
// WebSockets pass through untouched.

import { trouble } from './trouble.js';

/** Headers that let a shared cache keep an answer in spite of Cache-Control. */
const OUTRANKING = ['cdn-cache-control', 'cloudflare-cdn-cache-control', 'surrogate-control'];
/**
 * The gate's own cookies (see session/cookie.rs): an origin that sets one of them loses it. A cookie without a
 * name comes back as its value, and so may look like one.
 */
const OWN_COOKIE = /^\s*=?\s*(?:__Host-|__Secure-)?portcullis(?:-hint|-login-[^=;]*)?\s*(?:[=;]|$)/;
/** A directive of Cache-Control, with its argument. */
const DIRECTIVE = /[^\s,;="]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*))?/g;
const SHARED = /^(?:public|private|s-maxage|proxy-revalidate)(?=$|[\s=])/i;
/** What values of Cache-Control became: a site has few, and taking one apart is dear. */
const PRIVATE = new Map();
const MOST_REMEMBERED = 64;

const UNREACHABLE = {
  status: 502,
  event: 'origin_trouble',
  code: 'origin_unreachable',
  text: 'The site behind this address does not answer. Try again in a moment.',
};

const UNREADABLE = {
  status: 400,
  event: 'refused',
  code: 'header_unreadable',
  text: 'The request has a header that could be read as another one.',
};

let managed;

/**
 * Forwards `request` by `plan` (see worker.rs): a line each for the origin, the Cookie header, who may
 * keep the answer and whether `Authorization` goes, and then names and values of the headers to set. `managedHeaders` names those that no
 * client may use: the settings are known by then, and they are the same for as long as this isolate lives.
 */
export function forward(request, env, plan, managedHeaders) {
  const lines = plan.split('\n');
  const [origin, cookies, keep] = lines;
  const privately = keep[0] === '1';
  const space = origin.indexOf(' ');
  const kind = origin.slice(0, space);
  const where = origin.slice(space + 1);
  let answer;
  try {
    managed ??= new Managed(managedHeaders().split(','));
    const edited = kind === 'binding' ? new Request(request) : outgoing(kind === 'zone' ? request : new Request(where, request), privately);
    const { headers } = edited;
    if (!managed.remove(headers)) return trouble(UNREADABLE, 'a name outside ASCII');
    if (cookies[0] === '-') headers.delete('cookie');
    else if (cookies[0] === '+') headers.set('cookie', cookies.slice(1));
    if (keep[1] === '-') headers.delete('authorization');
    for (let line = 3; line < lines.length; line += 2) headers.set(lines[line], lines[line + 1]);
    answer = kind === 'binding' ? env[where].fetch(edited) : fetch(edited);
  } catch (error) {
    return failed(error);
  }
  return answer.then(privately ? asPrivate : withoutOwnCookies, failed);
}

/** A request to a server: what is fetched for one person must not come out of the zone's cache for another. */
function outgoing(request, privately) {
  return privately ? new Request(request, { cache: 'no-store' }) : new Request(request);
}

/**
 * The names of headers that are the gate's to set, or that would lead a request elsewhere, in every spelling: a
 * client's header that equals one, once every character other than letters and digits reads as `-`, is removed. Of
 * the names behind a `~`, only spellings other than the name itself.
 */
class Managed {
  constructor(names) {
    this.spelled = new Set(names.filter((name) => name.startsWith('~')).map((name) => name.slice(1)));
    this.names = new Set(names.filter((name) => !name.startsWith('~')));
    // A managed name begins with a letter, so a spelling of it has its length and its first letter.
    this.shapes = new Set([...this.names, ...this.spelled].map(shape));
  }

  /** Whether it could: bytes outside ASCII, which no name has (RFC 9110, 5.1), are not found again by it. */
  remove(headers) {
    let found;
    for (const name of headers.keys()) {
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

/** Few headers share a length and a first letter with a managed one: looking at both is cheaper than at the name. */
function shape(name) {
  return name.length * 128 + name.charCodeAt(0);
}

/** The answer for one person: no shared cache may keep it. */
function asPrivate(response) {
  return edit(response, (headers) => {
    headers.set('cache-control', privateCacheControl(headers.get('cache-control')));
    for (const name of OUTRANKING) headers.delete(name);
    dropOwnCookies(headers);
  });
}

/** The answer as the origin gave it, but for our cookies. */
function withoutOwnCookies(response) {
  return response.headers.has('set-cookie') ? edit(response, dropOwnCookies) : response;
}

/** A response with the same body and other headers. One that the platform cannot make anew, by its status, is not passed on. */
function edit(response, change) {
  const { webSocket } = response;
  // A handshake is nobody's to keep: it is another one only where it sets a cookie of ours.
  if (webSocket && !response.headers.getSetCookie().some(isOwnCookie)) return response;
  try {
    const edited = webSocket
      ? new Response(null, { status: response.status, headers: response.headers, webSocket })
      : new Response(response.body, response);
    change(edited.headers);
    return edited;
  } catch (error) {
    return failed(error);
  }
}

function dropOwnCookies(headers) {
  const lines = headers.getSetCookie();
  if (!lines.some(isOwnCookie)) return;
  const others = lines.filter((line) => !isOwnCookie(line));
  headers.delete('set-cookie');
  for (const line of others) headers.append('set-cookie', line);
}

/** Most cookies do not have our name anywhere: looking for it is cheaper than reading a line. */
function isOwnCookie(line) {
  return line.includes('portcullis') && OWN_COOKIE.test(line);
}

/** What the origin asked for, less what speaks to shared caches, and `private`. */
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

/** The origin is not there, broke off before its answer began, or gave one that cannot be passed on. */
function failed(error) {
  return trouble(UNREACHABLE, error);
}
