// A fleet on traces: devices that die as they learn and as they send, messages torn, lost, doubled and late over HTTP, a gateway
// that is killed in the midst of it. The fleet's head is, bit for bit, that of one device that saw all samples.
// BROWNOUT_FLEET=full: 10,000 devices, 100,000 messages, 100 kills; about two minutes of processor time.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Fleet, imageName } from '../host/gateway/fleet.js';
import { writeWeights } from '../host/learning/learned.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { Random } from '../host/math/random.js';
import { int8s } from '../samples/networks.js';
import { CLASSES, compareTotals, exactSums, file, fitting, image, INPUTS, spec } from './util/fleet.js';
import { FleetDevices, type Message } from './util/fleet-devices.js';

const full = process.env['BROWNOUT_FLEET'] === 'full';
const [DEVICES, KILLS, BATCH] = full ? [10_000, 100, 100] : [30, 3, 20];
/** Samples that a device learns; it sends after each. */
const LABELS = 10;
const MESSAGES = DEVICES * LABELS;
/** Simulated time between two looks at what was sent. */
const STEP_US = 100_000;
/** Messages that the network keeps back, to deliver them once more, long after. */
const KEPT_BACK = 1000;

const folder = mkdtempSync(join(tmpdir(), 'brownout-fleet-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const agent = new Agent({ keepAlive: true });
test.after(() => agent.destroy());

/**
 * A PUT whose connection breaks after `sentBytes` of the body. `fetch` takes several times the processor time, of which 100,000
 * messages have none to spare.
 */
function putBytes(
  url: string,
  bearer: string,
  body: Uint8Array,
  sentBytes: number,
): Promise<{ status: number; text: string }> {
  const headers = { Authorization: `Bearer ${bearer}`, 'Content-Length': body.length };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'PUT', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode!, text }));
      response.on('close', () => reject(new Error('cut off')));
    });
    sent.on('error', reject);
    if (sentBytes < body.length)
      sent.write(body.subarray(0, sentBytes), () => sent.destroy(new Error('torn')));
    else sent.end(body);
  });
}

/** The command, as a process that can be killed. */
class Process {
  #child: ChildProcess | undefined;
  base = '';

  constructor(readonly options: string[]) {}

  start(): Promise<void> {
    const cli = fileURLToPath(new URL('../../bin/brownout.js', import.meta.url));
    const child = spawn(process.execPath, [cli, 'gateway', ...this.options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let text = '';
    return new Promise((resolve, reject) => {
      child.stderr!.on('data', (data: Buffer) => reject(new Error(data.toString())));
      child.stdout!.on('data', (data: Buffer) => {
        text += data.toString();
        const [url] = /http:\S+(?=: )/.exec(text) ?? [];
        if (url === undefined) return;
        this.base = url;
        resolve();
      });
    });
  }

  stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child!;
    return new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill(signal);
    });
  }
}

const token = (device: string): string => `secret-of-device-${device}`;
const store = join(folder, 'store');

/** The gateway, with a token for each device; and a way to send it a message, which says whether it was taken. */
async function openGateway(): Promise<{
  gateway: Process;
  send: (message: Message & { sentBytes?: number }) => Promise<boolean>;
}> {
  const tokens = join(folder, 'tokens.txt');
  writeFileSync(tokens, Array.from({ length: DEVICES }, (_, i) => `d${i} ${token(`d${i}`)}\n`).join(''));
  const model = join(folder, 'mine.brn');
  writeFileSync(model, file);
  const gateway = new Process([model, '--store', store, '--tokens', tokens, '--port', '0']);
  await gateway.start();
  const send = async ({
    device,
    version,
    body,
    sentBytes = body.length,
  }: Message & { sentBytes?: number }) => {
    try {
      const url = `${gateway.base}/devices/${device}/sums?version=${version}`;
      const { status, text } = await putBytes(url, token(device), body, sentBytes);
      return status === 200 && (JSON.parse(text) as { version: number }).version >= version;
    } catch {
      return false;
    }
  };
  return { gateway, send };
}

/** What a device must not get. */
async function checkRefusals(gateway: Process, body: BodyInit & Uint8Array): Promise<void> {
  const status = async (path: string, bearer: string, init: RequestInit = {}): Promise<number> => {
    const headers = { Authorization: `Bearer ${bearer}` };
    return (await fetch(`${gateway.base}${path}`, { headers, ...init })).status;
  };
  const put = (bearer: string, sent: BodyInit, version = '1'): Promise<number> =>
    status(`/devices/d1/sums?version=${version}`, bearer, { method: 'PUT', body: sent });
  assert.is(await status('/head', 'secret-of-nobody-here'), 401);
  assert.is(await status('/devices/d0/sums', token('d0')), 405);
  assert.is(await status('/elsewhere', token('d0')), 404);
  assert.is(await put(token('d0'), body), 401, 'the token of another device');
  assert.is(await put(token('d1'), new Uint8Array(7)), 413);
  assert.is(await put(token('d1'), body, '-1'), 400);
  assert.is(await put(token('d1'), body, `${2 ** 32 - 1}`), 400);
  assert.is(await put(token('d1'), new Uint8Array(body.length)), 400);
  const forget = await status('/devices/d1/sums', token('d0'), { method: 'DELETE' });
  assert.is(forget, 401, 'the token of another device');
}

test(`${DEVICES} devices on traces, ${MESSAGES} messages over HTTP, ${KILLS} kills`, async () => {
  const random = new Random(9);
  const devices = new FleetDevices(image, spec, DEVICES, LABELS, (from) => ({
    input: int8s(from, INPUTS),
    label: from.integer(CLASSES),
  }));
  const { gateway, send } = await openGateway();
  const kept: Message[] = [];
  const perKill = Math.floor(MESSAGES / (KILLS + 1));
  let [sent, delivered, kills] = [0, 0, 0];
  for (let untilUs = STEP_US; !devices.isDone; untilUs += STEP_US) {
    const messages = devices.live(untilUs);
    for (let first = 0; first < messages.length; first += BATCH) {
      const batch = messages.slice(first, first + BATCH);
      const late = kept.filter(() => random.integer(4 * kept.length) < BATCH);
      for (const message of batch) if (random.integer(4) === 0) kept[random.integer(KEPT_BACK)] = message;
      const doubled = batch.slice(0, 3);
      const all = random.shuffle([...batch, ...doubled, ...late]).filter(() => random.integer(10) > 0);
      const answers = all.map(send);
      sent += batch.length;
      delivered += all.length;
      while (kills < KILLS && sent >= perKill * (kills + 1)) {
        await answers[random.integer(answers.length)];
        await gateway.stop('SIGKILL');
        await gateway.start();
        kills++;
      }
      await Promise.all(answers);
    }
  }
  // What the devices have in the end arrives, at the latest, when there is time.
  for (let first = 0; first < DEVICES; first += BATCH) {
    const last = Array.from({ length: Math.min(BATCH, DEVICES - first) }, (_, i) =>
      devices.message(first + i)!,
    );
    assert.not((await Promise.all(last.map((message) => send(message)))).includes(false));
  }
  const learnt = devices.learnt();
  const get = (path: string): Promise<Response> =>
    fetch(`${gateway.base}${path}`, { headers: { Authorization: `Bearer ${token('d0')}` } });
  const ideal = fitting(exactSums(learnt), learnt.length);
  const head = new Uint8Array(await (await get('/head')).arrayBuffer());
  assert.equal(head, writeWeights(image, sumsOfImage(image).bankOf(ideal)));
  assert.is(((await (await get('')).json()) as { samples: number }).samples, learnt.length);
  await checkRefusals(gateway, devices.message(1)!.body as BodyInit & Uint8Array);
  assert.is(await gateway.stop('SIGTERM'), 0);
  const log = join(store, `${imageName(image.imageId)}.log`);
  const again = Fleet.open(image, log);
  compareTotals(again.totals, learnt);
  await again.close();
  assert.is(kills, KILLS);
  assert.is(sent, MESSAGES);
  assert.ok(
    devices.cuts > DEVICES && devices.torn > DEVICES / 2,
    'devices died as they learnt and as they sent',
  );
  assert.ok(statSync(log).size > 0);
  console.log(
    `${DEVICES} devices on traces, ${devices.cuts} cuts in jobs, ${learnt.length} samples in sums; ${sent} messages, ` +
      `${devices.torn} torn, ${delivered} delivered, lost ones left out and doubled and late ones in; ${kills} kills: the ideal sum, bit for bit`,
  );
});

test.run();
