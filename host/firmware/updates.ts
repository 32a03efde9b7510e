// What learnt weights of an earlier image go on under a new one (docs/FIRMWARE.md, "Updates"): layers that agree, from the input
// on. Firmware takes them over with the tables made here (firmware/brownout_update.h).
import {
  CONSTANT,
  GROUP_MASK,
  GROUP_SHIFT,
  Group,
  JobKind,
  OP_BIAS,
  OP_CRC,
  OP_FLAGS,
  OP_FLAG_COMMIT,
  OP_FLAG_JOINED,
  OP_GRAIN,
  OP_SCRATCH0,
  OP_SCRATCH5,
  OP_WEIGHTS,
  OpKind,
  WEIGHT_BANKS,
} from '../../assembly/layout.js';
import { UPDATE_LAYER, UPDATE_LOW } from '../../assembly/learning-layout.js';
import { BrownoutError } from '../error.js';
import type { DeviceImage, Image } from '../model/image.js';
import { bankAddress, constantOffset, type LearningHeader, weightBanks } from '../model/learning-header.js';
import { OpRecord } from '../model/record.js';
import { hasSums, sumsOfImage } from '../learning/sums/of-image.js';
import { RECORD_OPS } from '../ops/index.js';

/** A run of bytes of the new image's bank: `from` that offset of the old one's, or undefined: the factory's. */
export interface Part {
  from: number | undefined;
  to: number;
  bytes: number;
}

/** How firmware of an image takes over NVM of an earlier one. */
export interface Earlier {
  image: Pick<DeviceImage, 'imageId' | 'slots' | 'slotStride' | 'learning'>;
  /** All of the new bank, in order; none where nothing learnt goes on. */
  parts: Part[];
  /** By the old image's current bank, 0 to 3: the bank of the new one that its weights go to; 0: what was not learnt. */
  into: number[];
  /** Names of the layers whose learnt weights go on. */
  layers: string[];
}

/** A layer's place in weight banks. */
interface BankLayer {
  from: number;
  to: number;
  /** Where in it the low bytes and the biases are: with the size, what it consists of. */
  parts: string;
}

const isUpdate = ({ kind }: OpRecord): boolean =>
  kind === OpKind.UPDATE_CONV2D || kind === OpKind.UPDATE_DEPTHWISE || kind === OpKind.UPDATE_CIRCULANT;

/** Offset in the bank of an address that names current weights; undefined: of another. */
function bankOffset(address: number): number | undefined {
  const place = (address & ~CONSTANT) >>> 0;
  return place >>> GROUP_SHIFT === Group.WEIGHTS ? place & GROUP_MASK : undefined;
}

/** Whether its biases are learnt. */
const isLearnt = (op: OpRecord): boolean => bankOffset(op.get(OP_BIAS)) !== undefined;

/** Learnt layers by the offset of their biases, which every one of them learns. */
function bankLayers({ ops, learning }: DeviceImage): Map<number, BankLayer> {
  const updates = ops.filter(isUpdate).map((op) => {
    const bias = bankOffset(op.get(OP_BIAS))!;
    const weights = bankOffset(op.get(OP_WEIGHTS)) ?? bias;
    const from = Math.min(weights, bias);
    // Velocities and means: whether there are any, not how quick they are.
    const arrays = [16, 24].map((shift) => ((op.get(UPDATE_LAYER) >>> shift) & 0xff) !== 0);
    return { bias, from, parts: `${bias - from} ${weights === bias ? 0 : op.get(UPDATE_LOW)} ${arrays}` };
  });
  const ends = [...updates.map(({ from }) => from), learning!.bankBytes].sort((a, b) => a - b);
  const layer = ({ from, parts }: { from: number; parts: string }): BankLayer => {
    const to = ends.find((end) => end > from)!;
    return { from, to, parts: `${to - from} ${parts}` };
  };
  return new Map(updates.map((update) => [update.bias, layer(update)]));
}

/** Where the bytes that `op` reads come from: an op's output, or the input. */
function sourcesOf(image: DeviceImage, before: readonly OpRecord[], from: number, bytes: number): string {
  let open: [number, number][] = [[from, from + bytes]];
  const found: string[] = [];
  const take = (name: string, start: number, end: number): void => {
    open = open.flatMap(([a, b]): [number, number][] => {
      const [low, high] = [Math.max(a, start), Math.min(b, end)];
      if (low >= high) return [[a, b]];
      found.push(`${name}+${low - start} at ${low - from} of ${high - low}`);
      const rest: [number, number][] = [
        [a, low],
        [high, b],
      ];
      return rest.filter(([x, y]) => x < y);
    });
  };
  for (let index = before.length - 1; index >= 0 && open.length > 0; index--) {
    for (const [field, length] of boundsOf(before[index]!).writes) {
      const address = before[index]!.get(field) >>> 0;
      take(`op ${index}`, address, address + length);
    }
  }
  take('input', image.input.offset, image.input.offset + image.input.bytes);
  return found.sort().join(', ');
}

const boundsOf = (op: OpRecord): ReturnType<(typeof RECORD_OPS)[OpKind.DENSE]['bounds']> =>
  RECORD_OPS[op.inference].bounds(op);

/**
 * All that an op computes, and from what, as text: its record without places and commits, and the bytes of its constants,
 * those of learnt layers as the factory has them. Tiles count as well: an op that is cut otherwise may keep its constants in
 * another order.
 */
function meaningOf(image: DeviceImage, before: readonly OpRecord[], op: OpRecord): string {
  const record = new OpRecord(op.bytes.slice());
  const { reads, writes } = boundsOf(op);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const read = reads.map(([field, bytes]) => {
    const address = op.get(field) >>> 0;
    record.set(field, 0);
    const learnt = image.learning ? bankOffset(address) : undefined;
    if (learnt !== undefined) {
      const factory = constantOffset(image.learning!.factory) + learnt;
      return hex(image.device.subarray(factory, factory + bytes));
    }
    // State from job to job.
    if ((address & ~CONSTANT) >>> GROUP_SHIFT) return `group address ${address}`;
    if (!(address & CONSTANT)) return sourcesOf(image, before, address, bytes);
    return hex(image.device.subarray(constantOffset(address), constantOffset(address) + bytes));
  });
  for (const [field] of writes) record.set(field, 0);
  for (let field = OP_SCRATCH0; field <= OP_SCRATCH5; field += 4) record.set(field, 0);
  record.set(OP_GRAIN, 0);
  record.set(OP_FLAGS, op.get(OP_FLAGS) & ~(OP_FLAG_COMMIT | OP_FLAG_JOINED));
  record.set(OP_CRC, 0);
  return [hex(record.bytes), ...read].join(' | ');
}

/** Ops of inference, without what keeps its input for a late label. */
function inferring({ ops, jobs }: DeviceImage): OpRecord[] {
  const { first, count } = jobs[JobKind.INFER]!;
  return ops.slice(first, first + count).filter((op) => !op.isLearning);
}

/** Learnt layers that both have, from the input on, up to the first op in which the two differ. */
function agreeing(old: DeviceImage, image: Image): { from: BankLayer; to: BankLayer; name: string }[] {
  if (!old.learning || !image.learning) return [];
  const [before, after] = [inferring(old), inferring(image)];
  const [oldLayers, layers] = [bankLayers(old), bankLayers(image)];
  const found: { from: BankLayer; to: BankLayer; name: string }[] = [];
  for (const [index, op] of after.entries()) {
    const other = before[index];
    if (!other) break;
    const same =
      meaningOf(image, after.slice(0, index), op) === meaningOf(old, before.slice(0, index), other);
    const place = bankOffset(op.get(OP_BIAS));
    const oldPlace = bankOffset(other.get(OP_BIAS));
    const to = place === undefined ? undefined : layers.get(place);
    const from = oldPlace === undefined ? undefined : oldLayers.get(oldPlace);
    // What was learnt below must go on, or what learnt above it does not fit any more.
    if (!same || (from && (!to || from.parts !== to.parts))) break;
    if (from && to) found.push({ from, to, name: image.metadata.ops[image.ops.indexOf(op)]! });
  }
  return found;
}

/**
 * The head of two images that learn by sums, if all of it agrees: what both compute, and what the sums are of. Then a bank means
 * the same under either, as a whole.
 */
function agreeingSums(old: DeviceImage, image: Image): string | undefined {
  if (!hasSums(old) || !hasSums(image) || old.learning!.bankBytes !== image.learning!.bankBytes)
    return undefined;
  const [before, after] = [inferring(old), inferring(image)];
  const same = (op: OpRecord, i: number): boolean =>
    before[i] !== undefined &&
    meaningOf(image, after.slice(0, i), op) === meaningOf(old, before.slice(0, i), before[i]);
  if (before.length !== after.length || !after.every(same)) return undefined;
  const what = (one: DeviceImage): string => {
    const { sumsOf: _, bankOf, ...spec } = sumsOfImage(one);
    return JSON.stringify([spec, [...bankOf(spec.prior)]], (_key, value: unknown) =>
      ArrayBuffer.isView(value) ? [...(value as Int8Array)] : value,
    );
  };
  return what(old) === what(image)
    ? image.metadata.ops[image.ops.indexOf(after.find(isLearnt)!)]!
    : undefined;
}

/** The parts of a bank of `bytes` in which these layers are carried over. */
function partsOf(bytes: number, layers: readonly { from: BankLayer; to: BankLayer }[]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { from, to } of [...layers].sort((a, b) => a.to.from - b.to.from)) {
    if (to.from > at) parts.push({ from: undefined, to: at, bytes: to.from - at });
    parts.push({ from: from.from, to: to.from, bytes: to.to - to.from });
    at = to.to;
  }
  if (at < bytes) parts.push({ from: undefined, to: at, bytes: bytes - at });
  return parts;
}

/** For each bank that may be current under `old`: one of `header` that shares no byte with it, nor with the old slots. */
function destinations(old: Image, header: LearningHeader): number[] {
  const banks = weightBanks(header);
  const overlaps = (a: number, aBytes: number, b: number, bBytes: number): boolean =>
    a < b + bBytes && b < a + aBytes;
  return Array.from({ length: WEIGHT_BANKS + 1 }, (_, current) => {
    if (current === 0 || current > banks) return 0;
    const source = bankAddress(old.learning!, current);
    for (let bank = 1; bank <= banks; bank++) {
      const at = bankAddress(header, bank);
      if (overlaps(at, header.bankBytes, source, old.learning!.bankBytes)) continue;
      if (!overlaps(at, header.bankBytes, old.slots.offset, old.slots.bytes)) return bank;
    }
    throw new BrownoutError({
      code: 'E_UPDATE',
      found: `learnt weights of "${old.metadata.name}" that lie where all banks of the new image do`,
      expected: 'a bank of the new image apart from them',
      hint: 'Compile the new image with another --nvm-bytes or --ring, or leave --from out: the device is then provisioned anew.',
    });
  });
}

/** How firmware of `image` takes over NVM of the image `old`. Throws `E_UPDATE`. */
export function earlierOf(old: Image, image: Image): Earlier {
  if (old.imageId === image.imageId) {
    throw new BrownoutError({
      code: 'E_UPDATE',
      found: `"${old.metadata.name}" as an earlier image, which is the new one`,
      expected: 'another image',
      hint: 'Leave it out: NVM of the same image goes on as it is.',
    });
  }
  const head = agreeingSums(old, image);
  if (head !== undefined) {
    const parts = [{ from: 0, to: 0, bytes: image.learning!.bankBytes }];
    return { image: old, parts, into: destinations(old, image.learning!), layers: [head] };
  }
  const layers = agreeing(old, image);
  const carries = layers.length > 0;
  return {
    image: old,
    parts: carries ? partsOf(image.learning!.bankBytes, layers) : [],
    into: carries ? destinations(old, image.learning!) : [0, 0, 0, 0],
    layers: layers.map(({ name }) => name),
  };
}

/** brownout_earlier.h: the tables that brownout_update.h reads. */
export function earlierHeader(all: readonly Earlier[]): string {
  let first = 0;
  const rows = all.map(({ image, parts, into }) => {
    const { imageId, slots, slotStride, learning } = image;
    const { banks = 0, bankBytes = 0 } = learning ?? {};
    const fields = [imageId, slots.offset, slotStride, banks, bankBytes, first, parts.length];
    first += parts.length;
    return `  {${fields.map((field) => `${field >>> 0}u`).join(', ')}, {${into.join(', ')}}},`;
  });
  const parts = all.flatMap((earlier) => earlier.parts);
  const lines = parts.map(({ from, to, bytes }) => {
    return `  {${from === undefined ? 'BROWNOUT_FACTORY' : `${from}u`}, ${to}u, ${bytes}u},`;
  });
  return [
    '/* Images that this one follows, and which of their learnt weights go on. Made by brownout export. */',
    '#ifndef BROWNOUT_EARLIER_H',
    '#define BROWNOUT_EARLIER_H',
    '',
    '#include <stdint.h>',
    '',
    '/* In place of an offset: weights of the factory. */',
    '#define BROWNOUT_FACTORY 0xffffffffu',
    '',
    '/* Where cursor slots and weight banks lie, the parts of a bank, and which bank of the new image takes the current one. */',
    'static const struct brownout_earlier {',
    '  uint32_t id, slots, stride, banks, bank_bytes, first, count;',
    '  uint8_t into[4];',
    `} brownout_earlier[${all.length}] = {`,
    ...rows,
    '};',
    '',
    'static const struct brownout_part {',
    '  uint32_t from, to, bytes;',
    `} brownout_parts[${Math.max(lines.length, 1)}] = {`,
    ...(lines.length > 0 ? lines : ['  {0, 0, 0},']),
    '};',
    '',
    '#endif',
    '',
  ].join('\n');
}
