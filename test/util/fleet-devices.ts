// A fleet of devices with a head by sums, each on a power trace of its own: the module that ships, metered, whose NVM and supply
// are those of the device whose turn it is. The trace says when a device dies, in a job or while it sends, and when it comes back.
import * as assert from 'uvu/assert';
import { C_STEP } from '../../assembly/layout.js';
import { learnedWeights, learningStatus, writeWeights } from '../../host/learning/learned.js';
import { FrozenPart } from '../../host/learning/frozen.js';
import type { Projected } from '../../host/learning/sums/arithmetic.js';
import { SumsMirror } from '../../host/learning/sums/mirror.js';
import type { SumsSpec } from '../../host/learning/sums/spec.js';
import { Random } from '../../host/math/random.js';
import type { Image } from '../../host/model/image.js';
import { MeteredSupply } from '../../host/power/harvested-supply.js';
import { paceOf } from '../../host/power/pace.js';
import { openTrace } from '../../host/power/source.js';
import { targetOf } from '../../host/power/target.js';
import { completeJob } from '../../host/simulator/app.js';
import { Device, PowerCut, type Supply } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { randomOutcome } from '../../host/simulator/outcome.js';
import { provision } from '../../host/simulator/provision.js';
import { meteredModule, moduleFor } from '../../host/toolchain/modules.js';

/** What a device sends: its bank, under the number of its updates. */
export interface Message {
  device: string;
  version: number;
  body: Uint8Array;
}

/** A message on its way: `sentBytes` of it, less than all where the device died sending it. */
export interface Transmission extends Message {
  timeUs: number;
  sentBytes: number;
}

/** Places that devices are in: fields that come and go, clouds, shakes. */
const TRACES = ['rf', 'rf:on_uw=600,mean_off_ms=90', 'solar:peak_uw=1500', 'kinetic'];
/** A radio of 1 Mbit/s at 5.5 mA and 3 V: 32 bytes with a head of 16 take 0.4 ms. */
const PACKET_BYTES = 32;
const PACKET_US = 400;
const PACKET_UJ = 6.6;

/** A device that is off. */
interface Resting {
  name: string;
  supply: MeteredSupply;
  /** Whether its app asks the monitor and sleeps where the charge is low. Others go on until the power fails. */
  isWarned: boolean;
  cells: Uint8Array;
  /** Samples that it is to learn, in order; so many are learnt. */
  samples: { input: Int8Array; label: number }[];
  learnt: number;
}

/** Supply of the device whose turn it is. */
class Turn implements Supply {
  of!: MeteredSupply;
  boot(...given: Parameters<Supply['boot']>): void {
    this.of.boot(...given);
  }
  view(bytes: number): void {
    this.of.view(bytes);
  }
  viewImage(bytes: number): void {
    this.of.viewImage(bytes);
  }
  write(bytes: number): number {
    return this.of.write(bytes);
  }
  sync(): void {
    this.of.sync();
  }
  low(): boolean {
    return this.of.low();
  }
  spent(): void {
    this.of.spent();
  }
}

export class FleetDevices {
  cuts = 0;
  /** Messages that a power failure broke off. */
  torn = 0;
  readonly #devices: Resting[];
  readonly #turn = new Turn();
  readonly #nvm: SimulatedNvm;
  readonly #device: Device;
  readonly #frozen: FrozenPart;
  readonly #random = new Random(77);
  readonly #packetCycles: number;

  /** `count` devices that learn `labels` samples each; `sample` draws one. */
  constructor(
    readonly image: Image,
    readonly spec: SumsSpec,
    count: number,
    readonly labels: number,
    sample: (random: Random) => { input: Int8Array; label: number },
  ) {
    const { profile, storage } = targetOf(image, {});
    const pace = paceOf(image, profile);
    this.#packetCycles = (PACKET_US * profile.clockHz.value) / 1e6;
    this.#frozen = new FrozenPart(spec.network, spec.joined);
    this.#nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: profile.nvmTearBytes.value });
    provision(this.#nvm, image);
    const fresh = this.#nvm.cells.slice();
    const module = meteredModule(moduleFor(image), profile.instructionCycles.value);
    this.#device = new Device(module, {
      image,
      nvm: this.#nvm,
      sramBytes: 1024 + image.arenaBytes,
      supply: this.#turn,
    });
    this.#devices = Array.from({ length: count }, (_, i) => ({
      name: `d${i}`,
      isWarned: i % 2 === 0,
      supply: new MeteredSupply(profile, openTrace(TRACES[i % TRACES.length]!, i + 1), storage).paced(pace),
      cells: fresh,
      samples: Array.from({ length: labels }, () => sample(this.#random)),
      learnt: 0,
    }));
  }

  /** All devices live on until `untilUs`. Returns what they sent meanwhile, in the order of time. */
  live(untilUs: number): Transmission[] {
    const sent: Transmission[] = [];
    for (const device of this.#devices)
      while (device.learnt < this.labels && device.supply.timeUs < untilUs) {
        const one = this.#life(device);
        if (one) sent.push(one);
      }
    return sent.sort((a, b) => a.timeUs - b.timeUs);
  }

  /** Whether every device has learnt all its samples. */
  get isDone(): boolean {
    return this.#devices.every(({ learnt }) => learnt === this.labels);
  }

  /** The longest that a device lived, in simulated time. */
  get timeUs(): number {
    return this.#devices.reduce((most, { supply }) => Math.max(most, supply.timeUs), 0);
  }

  /** What a device would send now; none before its first update. */
  message(index: number): Message | undefined {
    const { name, cells } = this.#devices[index]!;
    const { updates } = learningStatus(cells, this.image);
    if (updates === 0) return undefined;
    const body = writeWeights(this.image, learnedWeights(cells, this.image));
    return { device: name, version: updates, body };
  }

  /**
   * What the mirror has added up of the same samples, device by device; every device's bank is compared with the mirror's, to
   * the byte, and what it counts of its samples.
   */
  learnt(): Projected[] {
    const { rank } = this.spec.projection;
    const prior = this.spec.prior.samples;
    return this.#devices.flatMap(({ name, cells, samples, learnt }) => {
      const mirror = new SumsMirror(this.spec, this.#frozen);
      const done = samples.slice(0, learnt);
      done.forEach(({ input, label }, at) => mirror.learn(input, label, at + 1));
      assert.is(learningStatus(cells, this.image).labelled, learnt, `${name}: each sample once`);
      assert.equal(learnedWeights(cells, this.image), mirror.weightBank(), `${name}: its bank`);
      return done.slice(0, mirror.sums.samples - prior).map(({ input, label }) => {
        return { p: this.#frozen.features(input).slice(0, rank), label };
      });
    });
  }

  /** One sample of one device, through its power failures, and a message. */
  #life(device: Resting): Transmission | undefined {
    const { name, supply, samples, learnt, isWarned } = device;
    this.#turn.of = supply;
    this.#nvm.load(device.cells);
    const ticket = learnt + 1;
    const onLow = (): void => (isWarned ? supply.sleep() : undefined);
    const onCut = (): ReturnType<typeof randomOutcome> => {
      this.cuts++;
      return randomOutcome(this.#random);
    };
    completeJob(this.#device, this.image, { ticket, ...samples[learnt]! }, { onLow, onCut, careful: true });
    device.learnt++;
    const version = this.#device.cursorField(C_STEP);
    const body = writeWeights(this.image, learnedWeights(this.#nvm.present, this.image));
    const sentBytes = this.#send(device, body.length);
    const message = { device: name, version, body, timeUs: supply.timeUs, sentBytes };
    // It goes off, and others have the module meanwhile.
    this.#device.cut(randomOutcome(this.#random));
    device.cells = this.#nvm.cells.slice();
    return version > 0 ? message : undefined;
  }

  /** Sends packet after packet, each on a full charge; an app that does not ask the monitor tries two on one. Returns how many bytes went out before it died. */
  #send({ supply, isWarned }: Resting, bytes: number): number {
    let sent = 0;
    try {
      for (; sent < bytes; sent += PACKET_BYTES) {
        if (isWarned || sent % (2 * PACKET_BYTES) === 0) supply.sleep();
        if (supply.work(this.#packetCycles, PACKET_UJ * 1000).ended) throw new PowerCut();
      }
      return bytes;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.torn++;
      return sent;
    }
  }
}
