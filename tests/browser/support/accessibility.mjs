// What can be measured of a page's accessibility (WCAG 2.2), in the page itself.

import assert from 'node:assert/strict';

/** AA for text: 1.4.3. */
const CONTRAST = 4.5;
/** 2.5.8 asks for 24; what is made for a thumb has more. */
const TARGET = 24;
const BUTTON = 40;

export async function assertAccessible(page) {
  const facts = await page.evaluate(measure);
  assert.equal(facts.language, 'en', '3.1.1');
  assert.ok(facts.title.length > 3, '2.4.2');
  assert.equal(facts.headings.length, 1, `one h1: ${facts.headings}`);
  assert.equal(facts.mains, 1, 'one main');
  assert.match(facts.viewport, /width=device-width/);
  assert.doesNotMatch(facts.viewport, /maximum-scale|user-scalable/, '1.4.4');
  assertReadable(facts);
  for (const { text, width, height, button } of facts.targets) {
    const least = button ? BUTTON : TARGET;
    assert.ok(text, '2.4.4: a link without a name');
    assert.ok(width >= least && height >= least, `2.5.8: "${text}" is ${width} by ${height}`);
  }
  await assertFocusVisible(page, facts.targets.length);
  await assertReflows(page);
  await assertEdges(page);
}

/** A dialog in a shadow tree: named, described, with buttons for a thumb, between which Tab goes round. */
export async function assertDialogAccessible(page, host) {
  const facts = await page.evaluate(measure, host);
  assertReadable(facts);
  const dialog = page.getByRole('dialog');
  const [name, description] = await dialog.evaluate((element) => ['labelledby', 'describedby'].map((kind) => element.getRootNode().getElementById(element.getAttribute(`aria-${kind}`)).textContent));
  assert.ok(name.length > 3 && description.length > 3, '4.1.2');
  assert.ok(await page.getByRole('dialog', { name }).count(), '4.1.2');
  assert.equal(await dialog.getAttribute('lang'), 'en', '3.1.2');
  const focused = () => page.evaluate((selector) => {
    const element = document.querySelector(selector).shadowRoot.activeElement;
    return element && { text: element.textContent, outline: getComputedStyle(element).outlineStyle };
  }, host);
  const buttons = facts.targets.map(({ text }) => text);
  for (const { text, width, height } of facts.targets) assert.ok(width >= BUTTON && height >= BUTTON, `2.5.8: "${text}" is ${width} by ${height}`);
  const seen = [];
  while (seen.length < 2 * buttons.length) {
    do await page.keyboard.press('Tab');
    // On its way round the focus may pass the browser's own controls.
    while (!(await focused()));
    const { text, outline } = await focused();
    assert.equal(outline, 'solid', `2.4.7: "${text}"`);
    seen.push(text);
  }
  assert.deepEqual([...new Set(seen)].sort(), buttons.sort(), '2.1.1');
}

/** Only what the colours decide: for the same page in another scheme. */
export async function assertContrast(page) {
  assertReadable(await page.evaluate(measure));
}

function assertReadable({ texts }) {
  assert.ok(texts.length > 1);
  for (const { text, ratio } of texts) assert.ok(ratio >= CONTRAST, `1.4.3: "${text}" has a contrast of ${ratio.toFixed(2)}`);
}

/** 2.1.1, 2.4.7: every link and button is a stop of Tab, and shows that it is. */
async function assertFocusVisible(page, stops) {
  await page.evaluate(() => document.activeElement?.blur());
  const seen = new Set();
  for (let stop = 0; stop < stops; stop += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return { text: element.textContent, outline: style.outlineStyle, width: parseFloat(style.outlineWidth) };
    });
    seen.add(focused.text);
    assert.ok(focused.outline !== 'none' && focused.width >= 2, `2.4.7: "${focused.text}" does not show its focus`);
  }
  assert.equal(seen.size, stops, '2.1.1');
  await page.evaluate(() => document.activeElement?.blur());
}

/** 1.4.12 */
const SPACED = '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }';

/** 1.4.10: no scrolling sideways at 320 pixels, not with the text spaced out either. */
export async function assertReflows(page) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  for (const style of ['', SPACED]) {
    const [content, window] = await page.evaluate((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      document.adoptedStyleSheets = [sheet];
      return [document.documentElement.scrollWidth, innerWidth];
    }, style);
    assert.ok(content <= window, `1.4.10: ${content} pixels wide${style && ', with the text spaced out (1.4.12)'}`);
  }
  await page.evaluate(() => void (document.adoptedStyleSheets = []));
  await page.setViewportSize(size);
}

/** 1.4.11: where a person's own colours replace a button's ground, it has an edge. */
export async function assertEdges(page) {
  await page.emulateMedia({ forcedColors: 'active' });
  const edges = await page.locator('.button').evaluateAll((buttons) => buttons.map((button) => {
    const { borderTopStyle, borderTopWidth, borderTopColor } = getComputedStyle(button);
    return `${borderTopStyle} ${parseFloat(borderTopWidth) >= 1} ${!/^rgba.*, 0\)$/.test(borderTopColor)}`;
  }));
  assert.deepEqual([...new Set(edges)], edges.length ? ['solid true true'] : []);
  await page.emulateMedia({ forcedColors: 'none' });
}

/** Runs in the page. */
function measure(host) {
  const root = host ? document.querySelector(host).shadowRoot : document.body;
  const channels = (colour) => colour.match(/[\d.]+/g).map((value, rank) => (colour.startsWith('color(srgb') && rank < 3 ? value * 255 : Number(value)));
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour)
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrast = (element) => {
    const pair = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((one, other) => other - one);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  const shown = (element) => element.getClientRects().length > 0;
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return {
    language: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll('h1')].map((heading) => heading.textContent),
    mains: document.querySelectorAll('main').length,
    viewport: document.querySelector('meta[name=viewport]')?.content ?? '',
    texts: [...root.querySelectorAll('*')]
      .filter((element) => shown(element) && hasText(element))
      .map((element) => ({ text: element.textContent.trim(), ratio: contrast(element) })),
    targets: [...root.querySelectorAll('a, button')].filter(shown).map((element) => {
      const { width, height } = element.getBoundingClientRect();
      return { text: element.textContent.trim(), width, height, button: element.classList.contains('button') };
    }),
  };
}
