// What a head by sums costs on digits: instructions of its ops on an emulated Cortex-M4, and bytes that jobs write to NVM.
import { Status } from '../../assembly/error.js';
import { OpKind, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import { SUMS_SHAPE } from '../../assembly/learning-layout.js';
import { compile } from '../../host/compile/compile.js';
import { countOps } from '../../host/firmware/count-on-board.js';
import { boardCalled } from '../../host/firmware/targets.js';
import type { Sample } from '../../host/learning/mirror.js';
import { type Image, readImage } from '../../host/model/image.js';
import { expectSuccess } from '../../host/simulator/app.js';
import { Device, type Supply } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes } from '../../host/toolchain/modules.js';
import { mean } from './methods.js';
import { digits, factorySamples, FACTORY, LABELS, splitAt } from './rotated-digits.js';

const BOARD = 'qemu-mps2-an386';

export interface OpCost {
  name: string;
  instructions: number;
  /** Of those of an inference as it is without learning. */
  share: number;
}

export interface SumsCost {
  rank: number;
  ops: OpCost[];
  /** Mean bytes written, cursors included: of an inference, of one without learning, of a label that waits, of one that is folded in. */
  written: Record<'inference' | 'plain' | 'waits' | 'folds', number>;
  folds: number;
  labels: number;
}

/** Bytes that the next jobs write. */
class Writes implements Supply {
  bytes = 0;
  boot(): void {}
  view(): void {}
  viewImage(): void {}
  sync(): void {}
  low(): boolean {
    return false;
  }
  write(bytes: number): number {
    this.bytes += bytes;
    return bytes;
  }
  /** Since the last call. */
  take(): number {
    const { bytes } = this;
    this.bytes = 0;
    return bytes;
  }
}

function deviceOf(image: Image, supply: Supply): Device {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes(image.learning ? 'device.learn' : 'device'));
  const device = new Device(module, {
    image,
    nvm,
    supply,
    sramBytes: STATIC_BYTES_LEARNING + image.arenaBytes,
  });
  expectSuccess(device.boot(), 'boot');
  return device;
}

function finish(device: Device, ticket: number): void {
  while (device.status() === Status.RUN) expectSuccess(device.run(), 'run');
  expectSuccess(device.ack(ticket), 'ack');
}

function infer(device: Device, { input }: Sample, ticket: number): void {
  expectSuccess(device.feed(input), 'feed');
  expectSuccess(device.submit(ticket), 'submit');
  finish(device, ticket);
}

/** Every sample is inferred, and then labelled. */
function writesOf(
  image: Image,
  plain: Image,
  samples: readonly Sample[],
): Pick<SumsCost, 'written' | 'folds' | 'labels'> {
  const supply = new Writes();
  const device = deviceOf(image, supply);
  const found: Record<keyof SumsCost['written'], number[]> = {
    inference: [],
    plain: [],
    waits: [],
    folds: [],
  };
  const other = deviceOf(plain, supply);
  supply.take();
  infer(other, samples[0]!, 1);
  found.plain.push(supply.take());
  const [least, most] = [image.learning!.stateBytes * 3, image.learning!.bankBytes / 2];
  samples.forEach((sample, i) => {
    infer(device, sample, i + 1);
    found.inference.push(supply.take());
    expectSuccess(device.label(i + 1, sample.label), 'label');
    finish(device, i + 1);
    const bytes = supply.take();
    if (bytes > least && bytes < most) throw new RangeError(`a label that writes ${bytes} bytes`);
    found[bytes < most ? 'waits' : 'folds'].push(bytes);
  });
  const { inference, waits, folds } = found;
  const written = {
    inference: mean(inference),
    plain: found.plain[0]!,
    waits: mean(waits),
    folds: mean(folds),
  };
  return { written, folds: folds.length, labels: samples.length };
}

/** Costs on digits turned by 45°. Throws `E_TOOL_MISSING`. */
export async function benchCost(): Promise<SumsCost> {
  const network = digits();
  const { pool } = splitAt(network, 45);
  const options = { sample: pool[0]!.input, verify: false };
  const plain = readImage(compile(network, options));
  const data = factorySamples(network, FACTORY);
  const image = readImage(compile(network, { ...options, learn: { layers: 'sums', data } }));
  const { ops } = await countOps(image, boardCalled(BOARD));
  const instructions = ops.map(({ enter, tiles }) => enter + tiles);
  const { count } = plain.jobs[0]!;
  const whole = instructions.slice(0, count).reduce((a, b) => a + b, 0);
  return {
    rank: image.ops.find(({ kind }) => kind === OpKind.FOLD)!.getPair(SUMS_SHAPE)[1],
    ops: instructions.slice(count).map((taken, i) => {
      return { name: image.metadata.ops[count + i]!, instructions: taken, share: taken / whole };
    }),
    ...writesOf(image, plain, pool.slice(0, LABELS)),
  };
}
