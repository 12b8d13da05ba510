// The gate with a clock that a test puts forward: a request says by how many seconds, once and for good.

import gate from '../../../entry.js';

const now = Date.now;
let ahead = 0;
Date.now = () => now() + ahead;

export default {
  fetch(request, env, context) {
    ahead += 1_000 * Number(request.headers.get('test-clock') ?? 0);
    return gate.fetch(request, env, context);
  },
};
