// What the gate keeps in KV: seen from outside, written as somebody would who can write there, and
// written as the gate itself would have, some time ago.

import { createHmac, hkdfSync } from 'node:crypto';

export class Cache {
  constructor(site) {
    this.site = site;
  }

  /** The entries: `{ metadata: { name, value }, keys: … }`, of the one provider there is. */
  async entries() {
    const entries = {};
    const kv = await this.#kv();
    for (const { name } of (await kv.list()).keys) entries[name.split(':')[1]] = { name, value: await kv.get(name) };
    return entries;
  }

  async put(entries) {
    const kv = await this.#kv();
    for (const { name, value } of Object.values(entries)) await kv.put(name, value);
  }

  async clear() {
    const kv = await this.#kv();
    for (const { name } of (await kv.list()).keys) await kv.delete(name);
  }

  #kv() {
    return this.site.gate.mf.getKVNamespace('PORTCULLIS_KV', 'gate');
  }
}

/** An entry's parts: the MAC, when the document was fetched, the document. */
export function opened(value) {
  const [tag, fetched, ...text] = value.split(' ');
  return { tag, fetched, text: text.join(' ') };
}

/** The entry that a gate with this secret writes; every part of `parts` is under its MAC. */
export function authentic(secret, kind, issuer, url, fetched, text) {
  const key = hkdfSync('sha256', Buffer.from(secret, 'base64'), 'portcullis', 'portcullis cache v1', 32);
  const mac = createHmac('sha256', Buffer.from(key));
  for (const part of [kind, issuer, url, `${fetched}`, text]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    mac.update(length).update(part);
  }
  return `${mac.digest('base64url')} ${fetched} ${text}`;
}
