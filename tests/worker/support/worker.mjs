// The built gate as one Worker among others of a Miniflare instance: for bindings that startGate does not
// give, and for many gates in one process.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';

const adapter = (await readdir(join(root, 'src/worker'))).filter((file) => file.endsWith('.js'));

/**
 * @param {object} options
 * @param {boolean} [options.clock]       whether its clock can be put forward; see clock.mjs
 * @param {string} options.name
 * @param {*} [options.settings]          the variable PORTCULLIS; left out, there is no such variable
 * @param {string} [options.settingsFile] text to put in the place of portcullis.json
 * @param {string} [options.settingsModule] JavaScript to put there
 * @param {object} [options.secrets]
 * @param {object} others                 what Miniflare takes beside
 */
export function gateWorker({ name, settings, settingsFile, settingsModule, secrets, clock = false }, others) {
  return {
    name,
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    compatibilityDate: '2026-04-26',
    modulesRoot: root,
    modules: [
      ...(clock ? [{ type: 'ESModule', path: join(root, 'tests/worker/support/clock.mjs') }] : []),
      { type: 'ESModule', path: join(root, 'entry.js') },
      ...adapter.map((file) => ({ type: 'ESModule', path: join(root, 'src/worker', file) })),
      { type: 'ESModule', path: join(root, 'build/index.js') },
      { type: 'CompiledWasm', path: join(root, 'build/index_bg.wasm') },
      settingsModule === undefined
        ? { type: 'Text', path: join(root, 'portcullis.json'), ...(settingsFile !== undefined && { contents: settingsFile }) }
        : { type: 'ESModule', path: join(root, 'portcullis.json'), contents: settingsModule },
    ],
    bindings: { ...secrets, ...(settings !== undefined && { PORTCULLIS: settings }) },
    ...others,
  };
}
