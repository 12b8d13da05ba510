// Makes a service token: `npm run token -- ID [DAY]`. The secret is printed once and kept nowhere; the
// settings get its hash. DAY is the first one on which the token is worth nothing, a year from now by
// default.

import { createHash, randomBytes } from 'node:crypto';
import { isCommand } from './setup.mjs';

const DAY = 86_400_000;

/** @returns {{ token: string, hash: string }} a token of 256 random bits, and the hash that the gate knows it by */
export function makeToken(id) {
  const token = `${id}.${randomBytes(32).toString('base64url')}`;
  return { token, hash: createHash('sha256').update(token).digest('hex') };
}

/** What is wrong with the arguments, if anything. */
function problem(id, day, today) {
  if (!/^[a-z0-9-]{1,32}$/.test(id ?? '')) return 'Give the token an id of up to 32 lower-case letters, digits and "-": npm run token -- ci';
  const date = new Date(`${day}T00:00:00Z`);
  const real = /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(date.valueOf()) && date.toISOString().startsWith(day);
  if (!real || day <= today) return `${day} is not a day to come, as in 2027-06-30.`;
  return undefined;
}

if (isCommand(import.meta.url)) {
  const written = (date) => date.toISOString().slice(0, 10);
  const [id, day = written(new Date(Date.now() + 365 * DAY))] = process.argv.slice(2);
  const wrong = problem(id, day, written(new Date()));
  if (wrong) {
    console.error(wrong);
    process.exit(1);
  }
  const { token, hash } = makeToken(id);
  console.log(`The token, which is shown this once. Programs send it in the header Portcullis-Token:

  ${token}

In wrangler.toml, and "${id}" in the tokens of the rules it is for:

  [[vars.PORTCULLIS.tokens]]
  id = "${id}"
  hash = "${hash}"
  expires = "${day}"
`);
}
