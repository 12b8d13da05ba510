// `npm run switch`: turns sign-in off, on or optional for a rule, or locks the whole gate down, while it
// runs. docs/switch.md is its manual.

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command, isCommand, root, setup, SetupError } from './setup.mjs';
import { ENTRY_BYTES, LONGEST_OPENING, open, seal, switchKey } from './switch/entry.mjs';

const USAGE = `
  npm run switch -- status                      what is switched now
  npm run switch -- off ID --for 2h             the rule is public
  npm run switch -- optional ID --for 2h        everybody passes, identity where there is one
  npm run switch -- on ID                       the rule asks for sign-in
  npm run switch -- clear ID                    the rule is as it was deployed
  npm run switch -- lockdown                    nothing reaches the origin
  npm run switch -- open                        ends the lock-down
  npm run switch -- key                         the key that can switch and nothing else

  --for 90s|30m|2h|7d, --until 2027-01-31T18:00Z   when it ends by itself; off and optional need one
  --local                                       what npm start and wrangler dev run on this machine
  --config FILE, --env NAME                     another configuration than wrangler.toml
  --replace                                     drops an entry that this secret did not write

  PORTCULLIS_SECRET, or the key in PORTCULLIS_SWITCH_KEY, comes from the environment; with --local
  also from .dev.vars.`;

/** An entry under another secret is written as well as the right one, and nobody here can tell. */
const LOOK = 'Then look: the site has to say “Closed for now”. Where it does not, the gate has another secret, or is another one than this configuration; its log says switch_refused, or nothing.';
/** How long a change takes at most, in seconds: KV shows it everywhere, and every isolate looked. */
const EFFECT = { kv: 60, isolate: 60 };
const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 };
const MODES = ['off', 'optional', 'on'];
/** The last second of the year 9999: a later one cannot be written as people write it. */
const LATEST = 253_402_300_799;

/**
 * @param {string[]} args
 * @param {object} world
 * @param {object} world.environment   where the secret is
 * @param {Function} world.store       makes a store, as kvStore does
 * @param {Function} world.now         milliseconds
 * @param {Function} world.say         takes what is to be shown
 */
export async function runSwitch(args, { environment, store: makeStore, now, say }) {
  const { positionals, values } = parsed(args);
  const [action, id] = positionals;
  const config = resolve(values.config ?? join(root, 'wrangler.toml'));
  const local = values.local ?? false;
  const keys = await macKeys(environment, local ? await devVars(dirname(config), values.env ?? environment.CLOUDFLARE_ENV) : undefined);
  if (action === 'key') return say(keys[0].toString('base64'));

  const settings = await settingsOf(config, values.env);
  const rules = switchable(settings);
  const store = makeStore({ config, environment: values.env, local });
  const present = await presentOf(store, keys, settings.hosts, values.replace && action !== 'status');
  const lasting = present.switches.filter(({ until }) => !(until * 1_000 <= now()));

  if (action === 'status') return say(status(present, settings, now()));
  const change = changeOf(action, id, { rules, until: untilOf(values, now()), now: now() });
  const switches = [...lasting.filter((other) => !sameTarget(other, change.target)), ...(change.entry ? [change.entry] : [])];
  // More than before even when this clock is behind the one that wrote last.
  const written = Math.max(now(), (present.written ?? 0) + 1);
  const entry = seal(keys[0], { written, hosts: settings.hosts, switches });
  if (Buffer.byteLength(entry) > ENTRY_BYTES) throw new SetupError('There are more switches than an entry holds: clear some.');
  await store.write(entry);
  say([status({ written, switches }, settings, now()), effect(now(), local), ...(action === 'lockdown' ? [LOOK] : [])].join('\n'));
}

function parsed(args) {
  const text = { type: 'string' };
  const yes = { type: 'boolean' };
  const options = { for: text, until: text, config: text, env: text, local: yes, replace: yes };
  let result;
  try {
    result = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new SetupError(`${error.message}\n${USAGE}`);
  }
  const [action, ...others] = result.positionals;
  const wanted = { status: 0, lockdown: 0, open: 0, key: 0, off: 1, optional: 1, on: 1, clear: 1 }[action];
  if (wanted === undefined || others.length !== wanted) throw new SetupError(USAGE);
  const timed = result.values.for !== undefined || result.values.until !== undefined;
  if (timed && !['off', 'optional', 'on', 'lockdown'].includes(action)) throw new SetupError(`${action} has no end: leave --for and --until out.`);
  return result;
}

/** A line of `.dev.vars`, as dotenv reads it, which wrangler does. */
const DEV_VAR = /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/gm;

/** The secrets of this machine: those of the environment, where it has a file of its own, or else of all. */
async function devVars(directory, environment) {
  const read = (name) => readFile(join(directory, name), 'utf8').catch(() => undefined);
  const text = (environment && (await read(`.dev.vars.${environment}`))) ?? (await read('.dev.vars')) ?? '';
  return Object.fromEntries([...text.matchAll(DEV_VAR)].map(([, name, value = '']) => [name, value.trim().replace(/^(['"`])(.*)\1$/s, '$2')]));
}

/** Node passes over what is none of its letters, the gate does not. */
const BASE64 = /^[\w+/-]+=*$/;

/** The keys of the MAC; the first one writes. `local` are the secrets of this machine, where they count. */
async function macKeys(environment, local) {
  const value = (name) => environment[name] || local?.[name];
  const key = value('PORTCULLIS_SWITCH_KEY');
  if (key) {
    const bytes = Buffer.from(key, 'base64');
    if (bytes.length !== 32 || !BASE64.test(key.trim())) throw new SetupError('PORTCULLIS_SWITCH_KEY is no key: it is what `npm run switch -- key` shows.');
    return [bytes];
  }
  const secret = value('PORTCULLIS_SECRET');
  if (!secret) throw new SetupError(`PORTCULLIS_SECRET is missing: give the gate's secret, or PORTCULLIS_SWITCH_KEY, in the environment${local ? ' or in .dev.vars' : ''}.`);
  return [secret, value('PORTCULLIS_SECRET_PREVIOUS')].filter(Boolean).map((text) => {
    const bytes = Buffer.from(text.trim(), 'base64');
    if (bytes.length < 32 || !BASE64.test(text.trim())) throw new SetupError('PORTCULLIS_SECRET is not base64 of at least 32 bytes.');
    return switchKey(bytes);
  });
}

/** The settings that wrangler would deploy, read by wrangler itself. */
async function settingsOf(config, environment) {
  const { unstable_readConfig: readConfig } = await import('wrangler');
  const { vars, main = config } = readConfig({ config, env: environment });
  // Beside the entry, which imports it.
  const settingsFile = join(dirname(resolve(dirname(config), main)), 'portcullis.json');
  let settings = vars.PORTCULLIS ?? (await readFile(settingsFile, 'utf8').catch(() => '{}'));
  if (typeof settings === 'string') {
    try {
      settings = JSON.parse(settings);
    } catch (error) {
      throw new SetupError(`The settings of ${config} are not JSON: ${error.message}`);
    }
  }
  if (!Array.isArray(settings?.hosts)) throw new SetupError(`The settings of ${config} name no hosts. What else is wrong with them, npm run check says.`);
  if (settings.switch !== true) throw new SetupError(`The settings in ${config} have no switch = true: the gate does not look.`);
  return settings;
}

/** What is in KV. An entry that cannot be believed is not built upon. */
async function presentOf(store, keys, hosts, replace) {
  const text = await store.read();
  if (text === undefined || replace) return { switches: [] };
  let entry;
  try {
    entry = open(keys, text);
  } catch {
    entry = undefined;
  }
  if (entry?.version !== 1) {
    throw new SetupError('The entry in KV was not written with this secret, or by another version, and the gate does not believe it either.\nIf the secret is the right one, write over it with --replace.');
  }
  if (!entry.hosts.some((host) => hosts.includes(host))) {
    throw new SetupError(`The entry in KV is for ${entry.hosts.join(', ')}, and not for this gate.\nEvery gate needs a namespace of its own; if it is this one's, write over it with --replace.`);
  }
  return entry;
}

/** A rule that only reports decides nothing, so there is nothing to switch. */
function switchable({ rules = [] }) {
  return rules.filter((rule) => rule.id && rule.mode !== 'report');
}

function changeOf(action, id, { rules, until, now }) {
  const target = MODES.includes(action) || action === 'clear' ? { rule: id } : { lockdown: true };
  if (target.rule !== undefined && action !== 'clear' && !rules.some((rule) => rule.id === id)) {
    const known = rules.map((rule) => rule.id).join(', ');
    throw new SetupError(`No rule has the id ${id}. ${known ? `There are: ${known}.` : 'Give a rule an id in the settings first.'}`);
  }
  if (action === 'clear' || action === 'open') return { target };
  if (['off', 'optional'].includes(action)) {
    if (until === undefined) throw new SetupError(`${action} needs an end, so that nobody forgets it: --for 2h, or --until 2027-01-31T18:00Z.`);
    if (until * 1_000 > now + LONGEST_OPENING * 1_000) throw new SetupError(`${action} lasts 30 days at most: what is to stay belongs in the settings.`);
  }
  return { target, entry: { ...target, ...(target.rule !== undefined && { sso: action }), ...(until !== undefined && { until }) } };
}

function sameTarget(one, other) {
  return one.rule === other.rule && Boolean(one.lockdown) === Boolean(other.lockdown);
}

function untilOf({ for: length, until }, now) {
  if (length !== undefined && until !== undefined) throw new SetupError('--for and --until both say when it ends: leave one out.');
  if (length !== undefined) {
    const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(length) ?? [];
    if (!Number(digits)) throw new SetupError(`${length} is no length of time: write 90s, 30m, 2h or 7d.`);
    const end = Math.floor(now / 1_000) + Number(digits) * UNITS[unit];
    if (end > LATEST) throw new SetupError(`${length} ends after the year 9999: leave --for out of what has no end.`);
    return end;
  }
  if (until === undefined) return undefined;
  // A day that its month does not have is one of the next month to JavaScript.
  const day = new Date(`${until.slice(0, 10)}T00:00Z`);
  const real = !Number.isNaN(day.valueOf()) && day.toISOString().startsWith(until.slice(0, 10));
  const time = real && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(until) ? Date.parse(until) : Number.NaN;
  if (!(time > now)) throw new SetupError(`${until} is no time to come: write it with its zone, as in 2027-01-31T18:00Z.`);
  return Math.floor(time / 1_000);
}

function status({ written, switches }, settings, now) {
  const rules = switchable(settings);
  const found = (target) => switches.find((other) => sameTarget(other, target));
  const end = ({ until }) => (until === undefined ? ', until it is ended' : until * 1_000 <= now ? `, ended at ${clock(until * 1_000)}` : `, until ${clock(until * 1_000)}`);
  const rows = [[`the whole gate (${settings.hosts.join(', ')})`, found({ lockdown: true }) ? `locked down${end(found({ lockdown: true }))}` : 'open']];
  for (const { id, path, sso = true } of rules) {
    const deployed = { true: 'on', false: 'off' }[sso] ?? sso;
    const change = found({ rule: id });
    rows.push([`${id} (${path ?? 'every path'})`, change ? `${change.sso}${end(change)}; deployed ${deployed}` : `${deployed}, as deployed`]);
  }
  for (const change of switches.filter(({ rule }) => rule !== undefined && !rules.some(({ id }) => id === rule))) {
    rows.push([change.rule, `${change.sso}${end(change)}; no rule in the settings has this id`]);
  }
  const width = Math.max(...rows.map(([what]) => what.length));
  const lines = rows.map(([what, state]) => `  ${what.padEnd(width)}  ${state}`);
  return [written === undefined ? 'Nothing was ever switched.' : `As of ${clock(written)}:`, ...lines].join('\n');
}

function effect(now, local) {
  const seconds = EFFECT.isolate + (local ? 0 : EFFECT.kv);
  const why = local ? 'the gate looks every 30 seconds' : 'KV takes up to a minute to show it everywhere, and the gate looks every 30 seconds';
  return `In effect everywhere by ${clock(now + seconds * 1_000)}: ${why}.`;
}

/** A time as people write it in a log: UTC, to the second. */
function clock(milliseconds) {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

if (isCommand(import.meta.url)) {
  await command(async () => {
    await setup({ rust: false });
    const { kvStore } = await import('./switch/store.mjs');
    await runSwitch(process.argv.slice(2), { environment: process.env, store: kvStore, now: Date.now, say: (text) => console.log(text) });
  });
}
