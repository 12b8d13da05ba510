// What most decisions read of a request, and what is remembered of it.

/** Cookie headers that are remembered, and how long one may be: some 4 MB of the 128 that an isolate has. */
const MOST = 256;
const LONGEST = 8_192;

/**
 * Decides by the module's functions (see worker.rs). A page comes with twenty pictures and the same Cookie header for
 * each: it is handed over and read once, and remembered by its text if there is a session in it.
 */
export class Decider {
  constructor({ decide, read_cookies: readCookies }) {
    this.decide = decide;
    this.readCookies = readCookies;
    this.remembered = new Map();
  }

  /** The plan to forward `request` by, whose headers have these `names`; or nothing. */
  plan(request, names, now) {
    const { method, url, headers } = request;
    // A line each: see head.rs.
    const upgrade = names.includes('upgrade') ? `=${headers.get('upgrade')}` : '';
    const lines = `${method}\n${url}\n${upgrade}\n`;
    if (!names.includes('cookie')) return this.decide(request, lines, now);
    const cookie = headers.get('cookie');
    const cookies = this.remembered.get(cookie);
    if (cookies) return cookies.decide(request, lines, now);
    const plan = this.decide(request, `${lines}=${cookie}`, now);
    if (plan && cookie.length <= LONGEST) this.remember(cookie, this.readCookies(cookie, url.startsWith('http:')));
    return plan;
  }

  remember(cookie, cookies) {
    if (!cookies) return;
    if (this.remembered.size >= MOST) {
      const [[oldest, its]] = this.remembered;
      this.remembered.delete(oldest);
      its.free();
    }
    this.remembered.set(cookie, cookies);
  }

  /** What an instance remembers is gone with it. */
  forget() {
    this.remembered.clear();
  }
}
