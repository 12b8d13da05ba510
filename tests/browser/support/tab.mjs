// A tab of a real Firefox, or a frame in one, and what a person does there.

import { PATIENCE, until } from './bidi.mjs';

export class Tab {
  #connection;

  /** `id` is its browsing context. */
  constructor(connection, id) {
    this.#connection = connection;
    this.id = id;
  }

  /** Goes to an address; where the page there goes on by itself, `waitForURL` tells where that ends. */
  async goto(url) {
    await this.#moved(this.#connection.send('browsingContext.navigate', { context: this.id, url, wait: 'complete' }));
  }

  async reload() {
    await this.#moved(this.#connection.send('browsingContext.reload', { context: this.id, wait: 'complete' }));
  }

  /** One step through its history; negative is back. */
  async step(delta) {
    await this.#connection.send('browsingContext.traverseHistory', { context: this.id, delta });
  }

  /** That a page which is loading is left for another is no failure: pages of the gate do that. */
  async #moved(command) {
    await command.catch((error) => {
      if (!error.message.includes('NS_BINDING_ABORTED')) throw error;
    });
  }

  /** The address it shows. */
  async url() {
    return (await this.#tree()).url;
  }

  /** The frames of its page. */
  async frames() {
    return (await this.#tree()).children.map(({ context }) => new Tab(this.#connection, context));
  }

  async #tree() {
    return (await this.#connection.send('browsingContext.getTree', { root: this.id, maxDepth: 1 })).contexts[0];
  }

  /** Until it shows this address, and all of its page. `wanted` is an address or a test of one. */
  async waitForURL(wanted) {
    const found = typeof wanted === 'function' ? wanted : (url) => url === wanted;
    let url;
    await until(async () => found((url = await this.url())) && this.#isComplete(), `an address (${wanted})`).catch(async (error) => {
      throw new Error(`${error.message}; it is ${await this.url()}`, { cause: error });
    });
    return url;
  }

  #isComplete() {
    return this.evaluate(() => document.readyState === 'complete');
  }

  /** What a function comes to in the page; what goes in and out is JSON. */
  async evaluate(look, ...values) {
    const declaration = `async (values) => JSON.stringify(await (${look})(...JSON.parse(values)))`;
    const { value } = await this.#call(declaration, { type: 'string', value: JSON.stringify(values) });
    return value === undefined ? undefined : JSON.parse(value);
  }

  async #call(look, ...values) {
    const target = { context: this.id };
    const answer = await this.#connection.send('script.callFunction', { functionDeclaration: String(look), arguments: values, target, awaitPromise: true });
    if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
    return answer.result;
  }

  /** Until a function of the page comes to something. */
  waitFor(look, ...values) {
    return until(() => this.evaluate(look, ...values), `${look} of ${JSON.stringify(values)}`);
  }

  /** Until what one can see of its page has this selector and, if it is given, this text; shadow trees included. */
  find(selector, text) {
    const json = JSON.stringify([selector, text ?? null]);
    return until(async () => (await this.#isComplete()) && (await this.#call(seen, { type: 'string', value: json })).sharedId, `${json} to be seen`).catch(async (error) => {
      const shown = await this.evaluate(() => document.body?.innerText).catch(() => '');
      throw new Error(`${error.message}; ${await this.url()} shows:\n${shown}`, { cause: error });
    });
  }

  heading(text) {
    return this.find('h1, h2', text);
  }

  /** A click, as a person makes it: only such a one may open a window. */
  async click(selector, text) {
    await this.#connection.send('browsingContext.activate', { context: await this.#top() });
    const sharedId = await this.find(selector, text);
    // Before its first frame is painted, a page gets no clicks.
    await this.#call('(element) => new Promise((done) => { element.scrollIntoView({ block: "center" }); requestAnimationFrame(() => requestAnimationFrame(done)); })', { sharedId });
    const origin = { type: 'element', element: { sharedId } };
    const actions = [{ type: 'pointerMove', x: 0, y: 0, origin }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
    await this.#act({ type: 'pointer', id: 'mouse', actions });
  }

  /** Types into a field, in the place of what it holds. */
  async type(selector, text) {
    await this.click(selector);
    await this.evaluate((field) => document.querySelector(field).select(), selector);
    await this.#act({ type: 'key', id: 'keyboard', actions: [...text].flatMap((value) => ['keyDown', 'keyUp'].map((type) => ({ type, value }))) });
  }

  async #act(source) {
    await this.#connection.send('input.performActions', { context: this.id, actions: [source] });
  }

  /** The tab that a frame is in. */
  async #top() {
    let { context, parent } = await this.#tree();
    while (parent) ({ context, parent } = (await this.#connection.send('browsingContext.getTree', { root: parent, maxDepth: 0 })).contexts[0]);
    return context;
  }

  /** A picture of what it shows, as PNG. */
  async screenshot() {
    return Buffer.from((await this.#connection.send('browsingContext.captureScreenshot', { context: this.id })).data, 'base64');
  }

  /** Until it is closed by its page. */
  async waitForClose() {
    await until(() => this.url().then(() => false, (error) => error.message.includes('no such frame')), `a window to close, within ${PATIENCE} ms`);
  }

  async close() {
    await this.#connection.send('browsingContext.close', { context: this.id });
  }
}

/** Runs in the page. */
function seen(json) {
  const [selector, text] = JSON.parse(json);
  const within = (root) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll('*')].flatMap((element) => (element.shadowRoot ? within(element.shadowRoot) : [])),
  ];
  const isSeen = (element) => element.getClientRects().length > 0 && (text === null || element.textContent.trim() === text);
  return within(document).find(isSeen) ?? null;
}
