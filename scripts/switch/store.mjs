// The KV namespace PORTCULLIS_KV of a wrangler configuration, through wrangler: the deployed one, or the
// one of `wrangler dev` and `npm start` on this machine.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, SetupError } from '../setup.mjs';
import { KEY } from './entry.mjs';

const WRANGLER = join(root, 'node_modules/wrangler/bin/wrangler.js');

/** @param {{ config: string, environment?: string, local: boolean }} where */
export function kvStore({ config, environment, local }) {
  const common = ['--binding', 'PORTCULLIS_KV', '--config', config, ...(environment === undefined ? [] : [`--env=${environment}`]), local ? '--local' : '--remote'];
  const kv = (call, ...args) => wrangler(['kv', 'key', call, ...args, ...common], dirname(config));
  return {
    /** The entry, or nothing. */
    async read() {
      const { code, output, errors } = await kv('get', KEY, '--text');
      if (code === 0) return output.trim() === 'Value not found' ? undefined : output.trim() || undefined;
      // Of an entry that is not there; but also of a namespace that is not, whose keys cannot be listed either.
      const listed = / - 404\b/.test(output + errors) ? await kv('list', '--prefix', KEY) : { code, output, errors };
      if (listed.code === 0) return undefined;
      throw new SetupError(`PORTCULLIS_KV could not be read:\n${listed.output}${listed.errors}`);
    },

    async write(entry) {
      // In a file: an entry may begin with a dash.
      const directory = await mkdtemp(join(tmpdir(), 'portcullis-'));
      try {
        const file = join(directory, 'entry');
        await writeFile(file, entry, { mode: 0o600 });
        const { code, output, errors } = await kv('put', KEY, '--path', file);
        if (code !== 0) throw new SetupError(`PORTCULLIS_KV could not be written:\n${output}${errors}`);
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  };
}

function wrangler(args, cwd) {
  return new Promise((done, failed) => {
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' };
    const child = spawn(process.execPath, [WRANGLER, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const read = (stream) => {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      return () => Buffer.concat(chunks).toString();
    };
    const [output, errors] = [read(child.stdout), read(child.stderr)];
    child.on('error', failed);
    child.on('close', (code) => done({ code, output: output(), errors: errors() }));
  });
}
