// A connection to a browser by WebDriver BiDi (w3.org/TR/webdriver-bidi): commands that are answered, and events.

import { once } from 'node:events';
import WebSocket from 'ws';

/** How long a command may take, what a page waits for included. */
export const PATIENCE = 15_000;

export class Connection {
  #socket;
  #commands = 0;
  #open = new Map();

  /** `onEvent` gets the name and the parameters of each event. */
  static async to(address, onEvent) {
    const socket = new WebSocket(address, { handshakeTimeout: PATIENCE });
    const connection = new Connection(socket, onEvent);
    await once(socket, 'open');
    return connection;
  }

  constructor(socket, onEvent) {
    this.#socket = socket;
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type === 'event') return onEvent(message.method, message.params);
      const command = this.#open.get(message.id);
      this.#open.delete(message.id);
      if (message.type === 'success') return command?.done(message.result);
      command?.failed(new Error(`${command.method}: ${message.error}: ${message.message}`));
    });
    // It closes then, and who waits for an answer hears of that.
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { method, failed } of this.#open.values()) failed(new Error(`${method}: the browser is gone`));
      this.#open.clear();
    });
  }

  send(method, params = {}) {
    this.#commands += 1;
    const id = this.#commands;
    return new Promise((done, failed) => {
      if (this.#socket.readyState !== WebSocket.OPEN) return failed(new Error(`${method}: the browser is gone`));
      const late = setTimeout(() => this.#open.get(id)?.failed(new Error(`${method}: no answer within ${PATIENCE} ms`)), PATIENCE);
      const ended = (finish) => (value) => {
        clearTimeout(late);
        this.#open.delete(id);
        finish(value);
      };
      this.#open.set(id, { method, done: ended(done), failed: ended(failed) });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close() {
    this.#socket.terminate();
  }
}

/** What `look` finds, as soon as it finds something; what it throws on the way is shown where it never does. */
export async function until(look, what) {
  const end = Date.now() + PATIENCE;
  let reason;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    if (Date.now() > end) throw new Error(`Waited in vain: ${what}`, { cause: reason });
    await new Promise((done) => setTimeout(done, 20));
  }
}
