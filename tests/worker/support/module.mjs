// What stands in the place of the built module where its entry is tested: it keeps the same record of its instance,
// and does what a path asks for. Its clock can be put forward.

const now = Date.now;
let ahead = 0;
Date.now = () => now() + ahead;

const instance = (globalThis.__worker_init_state = { criticalError: false, instanceId: 0 });
/** The headers that this instance has read: a number is a place among them, from 1 on. */
let read = [];
let waiting = 0;
let finished = 0;

const plan = (cookie) => ['binding', 'SITE', '-', '', '1', 'x-who', cookie];

const answers = {
  '/never': () => {
    waiting += 1;
    return new Promise(() => {});
  },
  '/waiting': () => new Response(String(waiting)),
  '/slow': async () => {
    waiting += 1;
    await new Promise((resolve) => setTimeout(resolve, 300));
    finished += 1;
    return new Response();
  },
  '/finished': () => new Response(String(finished)),
  '/later': ({ search }) => {
    ahead += 1_000 * Number(search.slice(1));
    return new Response();
  },
  '/fresh': () => {
    [waiting, finished] = [0, 0];
    return new Response();
  },
  '/instance': () => new Response(String(instance.instanceId)),
  '/panic': () => {
    instance.criticalError = true;
    return new Promise(() => {});
  },
};

export default class Module {
  /** As worker-build's does: whoever comes to one that broke gets a new one. */
  constructor() {
    if (!instance.criticalError) return;
    read = [];
    instance.criticalError = false;
    instance.instanceId += 1;
  }

  respond(request) {
    return answers[new URL(request.url).pathname](new URL(request.url));
  }

  decide(request, lines, number) {
    if (answers[new URL(request.url).pathname]) return undefined;
    const cookie = number === undefined ? lines.split('\n=')[1] : read[number - 1];
    return cookie && plan(cookie);
  }

  read_cookies(cookie) {
    return read.push(cookie);
  }

  managed_headers() {
    return 'x-who';
  }
}
