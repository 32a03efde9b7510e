// A fleet: messages lost, doubled and late, gateways killed in the midst of it; the sums are those of one device that saw all samples.
// BROWNOUT_FLEET=full: 10,000 devices, 100,000 messages, 100 kills.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrownoutError } from '../host/error.js';
import { Fleet, FORGOTTEN, imageName } from '../host/gateway/fleet.js';
import { FleetLog } from '../host/gateway/log.js';
import { gatewayServer, Tokens } from '../host/gateway/server.js';
import { factoryWeights, withWeights, writeWeights } from '../host/learning/learned.js';
import { fold, forget, merged, type Projected } from '../host/learning/sums/arithmetic.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { type Sums, sumsBytes } from '../host/learning/sums/spec.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { learnable } from './util/learnable.js';

const full = process.env['BROWNOUT_FLEET'] === 'full';
const [DEVICES, MESSAGES, KILLS] = full ? [10_000, 100_000, 100] : [30, 200, 3];
const RANK = 4;
const CLASSES = 3;

const folder = mkdtempSync(join(tmpdir(), 'brownout-fleet-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const file = (() => {
  const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
  const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % CLASSES }));
  return compileUnproved(network, { learn: { layers: 'sums', data, rank: RANK, ring: 5 } });
})();
const image: Image = readImage(file);
const { prior } = sumsOfImage(image);

/** A body as `export-weights` writes it: what the head is does not matter here, what the sums are does. */
function bodyOf(sums: Sums): Uint8Array {
  const bank = factoryWeights(image);
  const own = sumsBytes(prior);
  const at = Buffer.from(bank).indexOf(own);
  assert.ok(at > 0);
  bank.set(sumsBytes(sums), at);
  return writeWeights(image, bank);
}

const sample = (random: Random): Projected => ({
  p: int8s(random, RANK, -60, 60),
  label: random.integer(CLASSES),
});

/** Counts, totals and products of samples, in sixteenths. */
function exactSums(samples: readonly Projected[]): number[] {
  const products = CLASSES * (1 + RANK);
  const exact = Array.from({ length: products + (RANK * (RANK + 1)) / 2 }, () => 0);
  for (const { p, label } of samples) {
    exact[label]! += 16;
    for (let i = 0; i < RANK; i++) {
      exact[CLASSES + label * RANK + i]! += 16 * p[i]!;
      for (let j = 0; j <= i; j++) exact[products + (i * (i + 1)) / 2 + j]! += 16 * p[i]! * p[j]!;
    }
  }
  return exact;
}

/** The prior and `added`, of so many samples: exact sums, halved until they fit a bank. */
function fitting(added: readonly number[], samples: number): Sums {
  const before = [...prior.counts, ...prior.totals, ...prior.products];
  const sums = added.map((value, i) => value + before[i]!);
  let halvings = 0;
  while (sums.some((value) => Math.abs(value) >= 2 ** (30 + halvings))) halvings++;
  const words = Int32Array.from(sums, (value) => Math.floor(value / 2 ** halvings));
  const totals = CLASSES * (1 + RANK);
  const parts = {
    counts: words.slice(0, CLASSES),
    totals: words.slice(CLASSES, totals),
    products: words.slice(totals),
  };
  const numbers = { halvings: prior.halvings + halvings, samples: prior.samples + samples };
  // Nothing is added: the means are made anew.
  return fold({ ...prior, ...parts, ...numbers }, []);
}

/** Devices that learn a sample a version. */
class Devices {
  readonly #random = new Random(11);
  readonly sums: Sums[] = [];
  readonly versions: number[] = [];
  readonly all: Projected[] = [];

  constructor(readonly count: number) {
    for (let i = 0; i < count; i++) {
      this.sums.push(prior);
      this.versions.push(0);
    }
  }

  /** A device learns; returns the message that it would send. */
  learn(device: number): Message {
    const one = sample(this.#random);
    this.all.push(one);
    this.sums[device] = fold(this.sums[device]!, [one]);
    this.versions[device]!++;
    return this.message(device);
  }

  message(device: number): Message {
    return { device: `d${device}`, version: this.versions[device]!, body: bodyOf(this.sums[device]!) };
  }

  /** What one device would hold that had seen all samples. */
  get ideal(): Sums {
    return fitting(exactSums(this.all), this.all.length);
  }
}

interface Message {
  device: string;
  version: number;
  body: Uint8Array;
}

function compareTotals(totals: Float64Array, samples: readonly Projected[]): void {
  assert.equal([...totals], exactSums(samples));
}

test('sums of so many samples that they do not fit a bank are halved, and exact before', () => {
  const devices = new Devices(1);
  for (let i = 0; i < 64; i++) devices.learn(0);
  for (const times of [1, 2 ** 8, 2 ** 11, 2 ** 16]) {
    const added = exactSums(devices.all).map((value) => times * value);
    const expected = fitting(added, 64 * times);
    assert.is(expected.halvings > prior.halvings, times > 2 ** 8, `${times}`);
    assert.equal(merged(prior, Float64Array.from(added), 64 * times), expected, `${times}`);
  }
});

test('in any order, twice, or not at all: the sums of all samples', async () => {
  const path = join(folder, 'order.log');
  const random = new Random(3);
  const devices = new Devices(5);
  const messages = Array.from({ length: 60 }, () => devices.learn(random.integer(5)));
  let fleet = Fleet.open(image, path);
  for (const message of random.shuffle([...messages, ...messages.slice(0, 30)])) {
    if (random.integer(4) === 0) continue;
    await fleet.put(message.device, message.version, message.body);
    if (random.integer(8) === 0) {
      await fleet.close();
      // A crash tears what was being written.
      appendFileSync(path, messages[0]!.body.subarray(0, random.integer(60)));
      fleet = Fleet.open(image, path);
    }
  }
  for (let i = 0; i < 5; i++) {
    const { device, version, body } = devices.message(i);
    assert.is(await fleet.put(device, version, body), version);
  }
  compareTotals(fleet.totals, devices.all);
  assert.is(fleet.status.samples, 60);
  assert.equal(fleet.head(), writeWeights(image, sumsOfImage(image).bankOf(devices.ideal)));
  const older = messages[0]!;
  assert.ok(
    (await fleet.put(older.device, older.version, older.body)) >= older.version,
    'an older one is known',
  );
  assert.is(fleet.status.samples, 60);
  await fleet.close();
  // A log that lost its tail: what it still has, and the devices send the rest again.
  truncateSync(path, statSync(path).size - 5);
  fleet = Fleet.open(image, path);
  for (let i = 0; i < 5; i++) {
    const { device, version, body } = devices.message(i);
    await fleet.put(device, version, body);
  }
  compareTotals(fleet.totals, devices.all);
  await fleet.close();
});

test('a device that is forgotten counts no more, whatever it sends, and is not in the store', async () => {
  const path = join(folder, 'forgotten.log');
  const devices = new Devices(3);
  const owners = Array.from({ length: 30 }, (_, i) => i % 3);
  const messages = owners.map((owner) => devices.learn(owner));
  let fleet = Fleet.open(image, path);
  for (const { device, version, body } of messages) await fleet.put(device, version, body);
  const secret = 'secret-of-device-one';
  const server = gatewayServer(fleet, new Tokens(`d1 ${secret}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/images/${imageName(image.imageId)}`;
  const headers = { Authorization: `Bearer ${secret}` };
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`${url}/devices/d1/sums`, { method: 'DELETE', headers });
    assert.equal([response.status, await response.json()], [200, { version: FORGOTTEN }]);
  }
  await new Promise((resolve) => server.close(resolve));
  await fleet.forget('never-seen');
  const others = devices.all.filter((_, i) => owners[i] !== 1);
  for (let i = 0; i < 2; i++) {
    compareTotals(fleet.totals, others);
    assert.equal([fleet.status.devices, fleet.status.samples], [2, 20]);
    assert.equal(
      fleet.head(),
      writeWeights(image, sumsOfImage(image).bankOf(fold(prior, others))),
      'as if it had never been',
    );
    assert.ok((await fleet.put('d1', 1_000, messages.at(-2)!.body)) > 1_000);
    await fleet.close();
    // No record of it but that it is forgotten.
    const log = FleetLog.open(path);
    const named = [...log.read()].filter(({ device }) => device === 'd1');
    log.close();
    assert.equal(
      named.map(({ samples, payload }) => [samples, payload.every((byte) => byte === 0)]),
      [[0, true]],
    );
    fleet = Fleet.open(image, path);
  }
  await fleet.close();
});

test('what cannot be is refused, and changes nothing', async () => {
  const fleet = Fleet.open(image, join(folder, 'refused.log'));
  const samples = [{ p: Int8Array.of(1, 2, 3, 4), label: 1 }];
  const sums = fold(prior, samples);
  const refused = async (change: (sums: Sums) => void, code = 'E_CONTRIBUTION'): Promise<void> => {
    const wrong = structuredClone(sums);
    change(wrong);
    try {
      await fleet.put('a', 2, bodyOf(wrong));
      assert.unreachable();
    } catch (error) {
      assert.is((error as BrownoutError).code, code, (error as Error).message);
    }
  };
  await fleet.put('a', 1, bodyOf(sums));
  await refused((s) => s.counts[0]!++);
  await refused((s) => (s.counts[0]! += 16));
  await refused((s) => (s.counts[1]! -= 32));
  await refused((s) => (s.samples = 7));
  await refused((s) => (s.halvings = 1));
  await refused((s) => (s.products[0]! += 1 << 24));
  await refused((s) => (s.products[2]! -= 1 << 24));
  const other = fold(prior, [{ p: Int8Array.of(9, 2, 3, 4), label: 1 }]);
  for (const [version, body, code] of [
    [1, bodyOf(other), 'E_CONTRIBUTION'],
    [2, new Uint8Array(8), 'E_WEIGHTS'],
  ] as const) {
    try {
      await fleet.put('a', version, body);
      assert.unreachable();
    } catch (error) {
      assert.is((error as BrownoutError).code, code);
    }
  }
  compareTotals(fleet.totals, samples);
  await fleet.forget('a');
  // While the first is written the others come, and go to the disk together.
  const bodies = [sums, sums, other].map(bodyOf);
  const all = await Promise.allSettled(bodies.map((body, i) => fleet.put(i === 0 ? 'c' : 'b', 3, body)));
  assert.equal(
    all.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  compareTotals(fleet.totals, [...samples, ...samples]);
  await fleet.close();
});

const agent = new Agent({ keepAlive: true });
test.after(() => agent.destroy());

/** A PUT. `fetch` takes several times the processor time, of which 100,000 messages have none to spare. */
function putBytes(url: string, bearer: string, body: Uint8Array): Promise<{ status: number; text: string }> {
  const headers = { Authorization: `Bearer ${bearer}`, 'Content-Length': body.length };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'PUT', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode!, text }));
      response.on('close', () => reject(new Error('cut off')));
    });
    sent.on('error', reject).end(body);
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

test('a class that a device forgot leaves the fleet with its next message; what began from a fleet’s head counts from there', async () => {
  const random = new Random(12);
  const samples = Array.from({ length: 30 }, () => sample(random));
  const learnt = fold(prior, samples);
  const rest = forget(learnt, prior, 1);
  const kept = samples.filter(({ label }) => label !== 1);
  const fleet = Fleet.open(image, join(folder, 'forgetting.log'));
  await fleet.put('a', 1, bodyOf(learnt));
  await fleet.put('a', 2, bodyOf(rest));
  assert.is(fleet.status.samples, kept.length);
  const expected = exactSums(kept);
  assert.equal([...fleet.totals.slice(0, CLASSES * (1 + RANK))], expected.slice(0, CLASSES * (1 + RANK)));
  const { sumsOf } = sumsOfImage(image);
  const head = fleet.head().slice(-image.learning!.bankBytes);
  await fleet.close();
  const next = withWeights(image, head);
  const begun = sumsOf(factoryWeights(next));
  assert.is(begun.samples - begun.forgotten, kept.length);
  const second = Fleet.open(next, join(folder, 'second.log'));
  const more = fold(begun, samples.slice(0, 7));
  const bank = factoryWeights(next);
  bank.set(sumsBytes(more), Buffer.from(bank).indexOf(sumsBytes(begun)));
  await second.put('b', 1, writeWeights(next, bank));
  assert.is(second.status.samples, 7);
  compareTotals(second.totals, samples.slice(0, 7));
  await second.close();
});

test(`${DEVICES} devices, ${MESSAGES} messages over HTTP, ${KILLS} kills`, async () => {
  const random = new Random(9);
  const devices = new Devices(DEVICES);
  const tokens = join(folder, 'tokens.txt');
  const token = (device: string): string => `secret-of-device-${device}`;
  writeFileSync(tokens, Array.from({ length: DEVICES }, (_, i) => `d${i} ${token(`d${i}`)}\n`).join(''));
  writeFileSync(join(folder, 'mine.brn'), file);
  const store = join(folder, 'store');
  const gateway = new Process([
    join(folder, 'mine.brn'),
    '--store',
    store,
    '--tokens',
    tokens,
    '--port',
    '0',
  ]);
  await gateway.start();
  const send = async ({ device, version, body }: Message): Promise<boolean> => {
    try {
      const url = `${gateway.base}/devices/${device}/sums?version=${version}`;
      const { status, text } = await putBytes(url, token(device), body);
      return status === 200 && (JSON.parse(text) as { version: number }).version >= version;
    } catch {
      return false;
    }
  };
  let waiting: Message[] = [];
  let [sent, kills] = [0, 0];
  const perKill = Math.ceil(MESSAGES / (KILLS + 1));
  while (sent < MESSAGES) {
    waiting.push(devices.learn(random.integer(DEVICES)));
    if (waiting.length < 20) continue;
    const batch = random.shuffle([...waiting, ...waiting.slice(0, 3)]).filter(() => random.integer(10) > 0);
    waiting = waiting.slice(-2);
    const dies = Math.floor((sent + batch.length) / perKill) > Math.floor(sent / perKill);
    const answers = batch.map(send);
    if (dies) {
      await answers[random.integer(answers.length)];
      await gateway.stop('SIGKILL');
      await gateway.start();
      kills++;
    }
    await Promise.all(answers);
    sent += batch.length;
  }
  for (let first = 0; first < DEVICES; first += 50) {
    const last = Array.from({ length: Math.min(50, DEVICES - first) }, (_, i) => first + i);
    const sure = await Promise.all(
      last.filter((i) => devices.versions[i]! > 0).map((i) => send(devices.message(i))),
    );
    assert.not(sure.includes(false));
  }
  const get = (path: string, bearer = token('d0')): Promise<Response> =>
    fetch(`${gateway.base}${path}`, { headers: { Authorization: `Bearer ${bearer}` } });
  const head = new Uint8Array(await (await get('/head')).arrayBuffer());
  assert.equal(head, writeWeights(image, sumsOfImage(image).bankOf(devices.ideal)));
  const { samples } = (await (await get('')).json()) as { samples: number };
  assert.is(samples, devices.all.length);
  assert.is((await get('/head', 'secret-of-nobody-here')).status, 401);
  assert.is((await get('/devices/d0/sums')).status, 405);
  assert.is((await get('/elsewhere')).status, 404);
  const put = (device: string, bearer: string, body: BodyInit, version = '1'): Promise<Response> =>
    fetch(`${gateway.base}/devices/${device}/sums?version=${version}`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${bearer}` },
      body,
    });
  const body = devices.message(1).body as BodyInit;
  assert.is((await put('d1', token('d0'), body)).status, 401, 'the token of another device');
  assert.is((await put('d1', token('d1'), new Uint8Array(7) as BodyInit)).status, 413);
  assert.is((await put('d1', token('d1'), body, '-1')).status, 400);
  assert.is(
    (await put('d1', token('d1'), new Uint8Array((body as Uint8Array).length) as BodyInit)).status,
    400,
  );
  const forget = (device: string, bearer: string): Promise<Response> =>
    fetch(`${gateway.base}/devices/${device}/sums`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${bearer}` },
    });
  assert.is((await forget('d1', token('d0'))).status, 401, 'the token of another device');
  assert.is((await put('d1', token('d1'), body, `${2 ** 32 - 1}`)).status, 400);
  assert.is(await gateway.stop('SIGTERM'), 0);
  const again = Fleet.open(image, join(store, `${imageName(image.imageId)}.log`));
  compareTotals(again.totals, devices.all);
  await again.close();
  assert.ok(kills >= KILLS);
  console.log(
    `${DEVICES} devices, ${devices.all.length} samples, ${sent} messages, ${kills} kills: the ideal sum, bit for bit`,
  );
  assert.ok(readFileSync(join(store, `${imageName(image.imageId)}.log`)).length > 0);
});

test.run();
