// What most decisions read from a request, and what is remembered of it.

/** How many Cookie headers are remembered, and how long each may be: some 4 MB of the 128 that an isolate has. */
const MOST = 256;
const LONGEST = 8_192;

/**
 * Decides with the module's functions (see worker.rs). A page comes with twenty images, and the same Cookie header for
 * each: the header is handed over and read once, and remembered by its text if it held a session that counted.
 */
export class Decider {
  constructor({ decide, read_cookies: readCookies }) {
    this.decide = decide;
    this.readCookies = readCookies;
    this.remembered = new Map();
  }

  /** The plan to forward `request` by, or nothing. `names` are those of its headers. */
  plan(request, names, now) {
    // A request with a second path is for the other function (see head.rs): few have one.
    if (names.includes('destination')) return undefined;
    const { method, url, headers } = request;
    // A line each: see head.rs.
    const upgrade = names.includes('upgrade') ? `=${headers.get('upgrade')}` : '';
    const origin = names.includes('origin') ? `=${headers.get('origin')}` : '';
    const lines = `${method}\n${url}\n${upgrade}\n${origin}\n`;
    if (!names.includes('cookie')) return this.decide(request, lines, undefined, now);
    const cookie = headers.get('cookie');
    const number = this.remembered.get(cookie);
    if (number === undefined) {
      const plan = this.decide(request, `${lines}=${cookie}`, undefined, now);
      if (isForOne(plan) && cookie.length <= LONGEST) this.remember(cookie, this.readCookies(cookie, url.startsWith('http:')));
      return plan;
    }
    const plan = this.decide(request, lines, number, now);
    // The number may no longer be known: then the header is read again.
    if (plan === undefined) this.remembered.delete(cookie);
    return plan;
  }

  remember(cookie, number) {
    if (number === undefined) return;
    if (this.remembered.size >= MOST) {
      const [oldest] = this.remembered.keys();
      this.remembered.delete(oldest);
    }
    this.remembered.set(cookie, number);
  }

  /** What an instance remembers is gone with it. */
  forget() {
    this.remembered.clear();
  }
}

/** Whether the answer is for one person (see plan.rs): a header is not worth remembering for what is public. */
function isForOne(plan) {
  return plan !== undefined && plan[4][0] === '1';
}
