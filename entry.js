// The Worker's entry: wrangler's `main`. It wraps the built module, decides nothing, and exports
// nothing but `fetch`, so that no other function of the module can be reached by a binding.

import Inner from './build/index.js';
import settings from './portcullis.json';
import { Decider } from './src/worker/decider.js';
import { forward } from './src/worker/forward.js';
import { trouble } from './src/worker/trouble.js';

/** How long the gate may take for an answer of its own: five calls to a provider at 8 s each, and some. */
const DEADLINE = 60_000;
/** How often a pending answer is checked against an instance that broke under it. */
const WATCH = 50;

const BROKEN = {
  status: 503,
  event: 'gate_trouble',
  code: 'instance_broken',
  title: 'This site cannot answer',
  text: 'This site cannot answer at the moment. Try again in a few seconds; if it happens again, tell the people who run it.',
};

/** As the module says it of other settings (see gate/misconfigured.rs); it takes text alone, and would break. */
const UNREAD = {
  status: 500,
  event: 'settings_wrong',
  code: 'settings_wrong',
  title: 'This site is not set up',
  text: 'The gate in front of this site has wrong settings. Tell the people who run it; their log says what is wrong.',
};
const WHY_UNREAD = 'portcullis.json did not come as text: wrangler.toml needs its [[rules]] with type = "Text" and globs = ["**/portcullis.json"]';

/** worker-build's record of the instance: whether it broke, and which one it is. */
const instance = globalThis.__worker_init_state;
const { managed_headers: managedHeaders } = Inner.prototype;
const decider = new Decider(Inner.prototype);

export default {
  fetch(incoming, env, context) {
    let request;
    let names;
    let plan;
    try {
      // A copy, since its headers can be edited. Nothing else looks at what came: each object of the platform's costs.
      request = new Request(incoming);
      names = [...request.headers.keys()];
    } catch (error) {
      return trouble(BROKEN, error, incoming);
    }
    try {
      if (instance.criticalError) decider.forget();
      else plan = decider.plan(request, names, Date.now());
    } catch (error) {
      return broken(error, request);
    }
    if (plan === undefined) return answer(request, names, env, context);
    return forward(request, names, env, plan, managedHeaders);
  },
};

/** Everything that `decide` does not forward. */
async function answer(request, names, env, context) {
  if (typeof settings !== 'string') return trouble(UNREAD, WHY_UNREAD, request);
  const outcome = await respond(request, env, context);
  return Array.isArray(outcome) ? forward(request, names, env, outcome, managedHeaders) : outcome;
}

/**
 * The gate's answer, or a plan to forward by. A panic is not thrown here: the instance is marked, and
 * whoever waits on it would wait for ever. So a pending answer looks whether its instance is still
 * there, and gives up at the deadline whatever happens.
 */
async function respond(request, env, context) {
  let watch;
  try {
    const inner = new Inner(context, env);
    const own = instance.instanceId;
    const pending = inner.respond(request, env, context, settings);
    const latest = Date.now() + DEADLINE;
    const lost = new Promise((resolve) => {
      watch = setInterval(() => {
        if (instance.criticalError || instance.instanceId !== own || Date.now() > latest) resolve(trouble(BROKEN, 'the instance broke, or the deadline passed', request));
      }, WATCH);
    });
    const outcome = Promise.race([pending, lost]);
    // Where its client goes away the platform would end it, and what it holds in the module's memory would stay there.
    context.waitUntil(outcome.catch(() => {}));
    return await outcome;
  } catch (error) {
    return broken(error, request);
  } finally {
    clearInterval(watch);
  }
}

/**
 * The gate threw, which is never meant: whatever it was – a panic, a stack that is full – the next request gets a fresh
 * instance, since the one that threw may refuse every call from now on.
 */
function broken(error, request) {
  decider.forget();
  instance.criticalError = true;
  return trouble(BROKEN, error, request);
}
