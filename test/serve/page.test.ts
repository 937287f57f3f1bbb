import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { serving, until } from './serving.ts';

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const reason = browser ? '' : ' [skipped: there is no Chromium]';
const { listening } = serving();

type Result = Readonly<Record<string, unknown>>;

/** A page of a headless browser, led by the DevTools protocol over a pipe. */
async function opened(url: string) {
  const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
  const profile = mkdtempSync(join(tmpdir(), 'cria-test-'));
  const child: ChildProcess = spawn(browser as string, [...args, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own: its children have to end with it
  });
  onTestFinished(async () => {
    const ended = new Promise((done) => child.once('exit', done));
    process.kill(-(child.pid as number), 'SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); // its children end a little later
  });
  const [write, read] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, (result: Result) => void>();
  const requested: string[] = [];
  let held = '';
  read.on('data', (data) => {
    const messages = (held + data).split('\0');
    held = messages.pop() as string;
    for (const { id, result, method, params } of messages.map((each) => JSON.parse(each))) {
      if (id) waiting.get(id)?.(result ?? {});
      else if (method === 'Network.requestWillBeSent') requested.push(params.request.url);
    }
  });
  let last = 0;
  const send = (method: string, params: object = {}, sessionId?: unknown) =>
    new Promise<Result>((resolve) => {
      waiting.set(++last, resolve);
      write.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const tell = (method: string, params?: object) => send(method, params, sessionId);
  /** The value of an expression in the page. */
  const value = async (expression: string): Promise<unknown> => {
    const { result } = await tell('Runtime.evaluate', { expression, returnByValue: true });
    return (result as Result | undefined)?.value;
  };
  await tell('Network.enable');
  await tell('Emulation.setDeviceMetricsOverride', { width: 360, height: 640, deviceScaleFactor: 1, mobile: true });
  await tell('Page.navigate', { url });
  const holds = async (expression: string) => {
    for (let i = 0; (await value(expression)) !== true; i++) {
      if (i > 400) throw new Error(`it never held: ${expression}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const press = async (key: string) => {
    const text = key === 'Enter' ? { text: '\r' } : {};
    const code = { Enter: 13, Tab: 9 }[key];
    for (const type of ['keyDown', 'keyUp'])
      await tell('Input.dispatchKeyEvent', {
        type,
        key,
        windowsVirtualKeyCode: code,
        ...(type === 'keyDown' ? text : {}),
      });
  };
  return { tell, value, holds, press, requested };
}

/** WCAG 2.2: the ratio of the relative luminances of two colours. */
const contrast = `(a, b) => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}`;

test.skipIf(!browser)(
  `the page: a conversation by the keyboard, on a phone, in both schemes${reason}`,
  { timeout: 120_000 },
  async () => {
    const { url } = await listening();
    const { tell, value, holds, press, requested } = await opened(url);
    await holds(`document.querySelector('#model')?.value === 'cria-tiny'`);
    expect(await value('document.activeElement.id')).toBe('text');
    await tell('Input.insertText', { text: 'copy: north river =' });
    await press('Enter');
    await holds(
      `document.querySelector('p.assistant')?.textContent.length > 0 && !document.querySelector('#send').disabled`,
    );
    expect(await value(`document.querySelector('p.user').textContent`)).toBe('copy: north river =');
    await tell('Input.insertText', { text: 'again' });
    await press('Enter');
    await holds(`document.querySelectorAll('p.assistant').length === 2 && !document.querySelector('#send').disabled`);
    expect(await value(`document.querySelector('p.error')`)).toBe(null);

    const reached = new Set<unknown>();
    for (let i = 0; i < 8; i++) {
      await press('Tab');
      reached.add(await value('document.activeElement.id'));
    }
    for (const id of ['model', 'key', 'new', 'talk', 'text', 'send']) expect(reached).toContain(id);
    expect(await value('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    for (const scheme of ['light', 'dark']) {
      await tell('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
      for (const [selector, ground] of [
        ['h1', 'body'],
        ['p.user', 'body'],
        ['p.assistant', 'p.assistant'],
        ['button', 'button'],
      ]) {
        const colors = `getComputedStyle(document.querySelector('${selector}')).color, getComputedStyle(document.querySelector('${ground}')).backgroundColor`;
        expect(await value(`(${contrast})(${colors})`), `${selector}, ${scheme}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    await until(() => requested.length > 2, 'requests are seen');
    for (const each of requested) expect(each.startsWith(url), each).toBe(true); // nothing from elsewhere
  },
);
