// What the last layer of a learning image reads, and what the factory's weights answer: of each sample, on the simulated device.
import { Status } from '../../assembly/error.js';
import {
  CONSTANT,
  C_BANKS,
  C_OP,
  C_SAMPLE,
  DENSE_INPUTS,
  GROUP_SHIFT,
  OP_BIAS,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_WEIGHTS,
  OpKind,
  SOFTMAX_SCALE,
} from '../../assembly/layout.js';
import { resolveAddress } from '../model/learning-header.js';
import { hasSums, sumsOfImage } from '../learning/sums/of-image.js';
import type { Image } from '../model/image.js';
import type { OpRecord } from '../model/record.js';
import { type Values, valuesFrom } from '../model/values.js';
import { expectSuccess } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';

/** A sample as the last layer meets it. */
export interface Met {
  /** What the layer reads, its zero point taken off. */
  features: Float64Array;
  /** What the factory's layer answers, real. */
  logits: Float64Array;
  label: number;
}

const SRAM_BYTES = 1 << 20;
/** What a logit is at least. */
const LEAST = -128;
const SOFTMAX_ONE = 2 ** 26;
/** Group of addresses of the weight bank in force (docs/LEARNING.md §2). */
const WEIGHTS_GROUP = 1;

const groupOf = (address: number): number => (address & ~CONSTANT) >>> GROUP_SHIFT;

/** Ops from the last layer on to the head by sums behind it: a projection of what the layer reads, and two that join. */
const TO_HEAD_BY_SUMS = 4;

/** Index of the last layer: what makes the factory's logits of a head by sums, else a dense layer that learns; or below 0. */
function headIn(image: Image): number {
  const { ops } = image;
  const learns = (op: OpRecord): boolean =>
    [OP_WEIGHTS, OP_BIAS].some((field) => groupOf(op.get(field)) === WEIGHTS_GROUP);
  const end = ops.findIndex((op) => op.isLearning);
  const at = ops.findLastIndex((op, i) => i < end && op.kind === OpKind.DENSE && learns(op));
  return hasSums(image) ? at - TO_HEAD_BY_SUMS : at;
}

/** Zero point of what op `reader` reads: that of the op before it which made it, pools passed over. */
function zeroPointOf(image: Image, reader: number): number {
  const address = image.ops[reader]!.get(OP_INPUT);
  const at = image.ops.findLastIndex((op, i) => i < reader && op.get(OP_OUTPUT) === address);
  const maker = image.ops[at];
  if (!maker) return image.metadata.input.zeroPoint;
  const isPool = maker.kind === OpKind.MAX_POOL || maker.kind === OpKind.AVG_POOL;
  return isPool ? zeroPointOf(image, at) : maker.get(OP_OUTPUT_ZERO_POINT);
}

/** Real value of one step of the head's answers. */
function logitScale(image: Image, head: OpRecord): number {
  const { ops, metadata } = image;
  const answer = hasSums(image) ? ops[ops.indexOf(head) + TO_HEAD_BY_SUMS]! : head;
  const softmax = ops.find((op) => op.kind === OpKind.SOFTMAX && op.get(OP_INPUT) === answer.get(OP_OUTPUT));
  if (!softmax) return metadata.output.scale;
  const [multiplier, shift] = [softmax.get(SOFTMAX_SCALE), softmax.get(SOFTMAX_SCALE + 4)];
  return (multiplier * 2 ** (shift - 31)) / SOFTMAX_ONE;
}

/** Answers what the head meets of a sample; undefined for images whose last layer that learns is not a dense one of int8. */
export function headInput(image: Image): ((sample: { input: Values; label: number }) => Met) | undefined {
  const at = headIn(image);
  const head = image.ops[at];
  if (!head || image.metadata.input.dtype === 'int16') return undefined;
  // What is projected is what the last layer reads.
  const reader = hasSums(image) ? image.ops[at + 1]! : head;
  const inputs = reader.get(DENSE_INPUTS);
  const { classes } = image.learning!;
  // The factory's layer knows nothing of classes that are reserved.
  const outputs = hasSums(image) ? sumsOfImage(image).joinedInputs - sumsOfImage(image).rank : classes;
  const zero = zeroPointOf(image, at);
  const scale = logitScale(image, head);
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), {
    image,
    nvm,
    sramBytes: SRAM_BYTES,
  });
  expectSuccess(device.boot(), 'boot');
  const until = (op: number): void => {
    while (device.status() === Status.RUN && device.cursorField(C_OP) < op)
      expectSuccess(device.run(1), 'run');
  };
  const read = (address: number, count: number): Values => {
    const [banks, sample] = [C_BANKS, C_SAMPLE].map((field) => device.cursorField(field)) as [number, number];
    const at = resolveAddress(image.learning, { step: 0, banks, sample, turn: 0 }, address);
    return valuesFrom(nvm.present.slice(at, at + count), 'int8');
  };
  let ticket = 0;
  return ({ input, label }) => {
    ticket++;
    expectSuccess(device.feed(input), 'feed');
    expectSuccess(device.submit(ticket), 'submit');
    until(reader === head ? at : at + 1);
    const features = read(reader.get(OP_INPUT), inputs);
    until(at + 1);
    const logits = read(head.get(OP_OUTPUT), outputs);
    until(Infinity);
    expectSuccess(device.ack(ticket), 'ack');
    return {
      features: Float64Array.from(features, (q) => q - zero),
      logits: Float64Array.from({ length: classes }, (_, c) => (logits[c] ?? LEAST) * scale),
      label,
    };
  };
}
