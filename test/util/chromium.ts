// Headless Chromium over a pipe: enough of the DevTools protocol to open a page, move a mouse and take a picture.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

const has = (command: string): boolean => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
};

/** The browser's command, if it is there. */
export function findChromium(subject: string): string | undefined {
  const found = NAMES.find(has);
  if (found === undefined)
    console.log(`skipped: ${subject}: no chromium. To enable: apt-get install chromium`);
  return found;
}

interface Reply {
  id?: number;
  method?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** One page. */
export class Page {
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'brownout-page-'));
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #session: string | undefined;
  #id = 0;
  #text = '';

  constructor(command: string) {
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
    const more = ['--window-size=1200,900', `--user-data-dir=${this.#folder}`, 'about:blank'];
    this.#child = spawn(command, [...flags, ...more], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    (this.#child.stdio[4] as Readable).on('data', (chunk: Buffer) => this.#read(chunk.toString('utf8')));
  }

  #read(text: string): void {
    const parts = (this.#text + text).split('\0');
    this.#text = parts.pop()!;
    for (const part of parts) {
      const reply = JSON.parse(part) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    }
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result!);
      });
    });
  }

  async open(url: string): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = sessionId as string;
    await this.send('Network.enable');
    await this.send('Network.emulateNetworkConditions', {
      offline: true,
      latency: 0,
      downloadThroughput: 0,
      uploadThroughput: 0,
    });
    await this.send('Page.navigate', { url });
    for (let i = 0; i < 200; i++) {
      if (await this.evaluate('document.readyState === "complete" && location.href !== "about:blank"'))
        return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${url} did not load`);
  }

  async evaluate(expression: string): Promise<unknown> {
    const reply = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    if (reply['exceptionDetails']) throw new Error(JSON.stringify(reply['exceptionDetails']));
    return (reply['result'] as { value?: unknown }).value;
  }

  mouse(type: 'mouseMoved' | 'mouseWheel', x: number, y: number, deltaY = 0): Promise<unknown> {
    return this.send('Input.dispatchMouseEvent', { type, x, y, deltaX: 0, deltaY });
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot');
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on('close', resolve));
    this.#child.kill();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
