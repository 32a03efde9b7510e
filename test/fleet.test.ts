// The gateway's store: messages lost, doubled and late, torn records; the sums are those of one device that saw all samples.
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { int8s } from '../samples/networks.js';
import { CLASSES, compareTotals, exactSums, fitting, image, prior, RANK } from './util/fleet.js';
import type { Message } from './util/fleet-devices.js';

const folder = mkdtempSync(join(tmpdir(), 'brownout-fleet-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

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

test.run();
