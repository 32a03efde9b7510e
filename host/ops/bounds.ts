// What an image may ask of a device: whether every record of a plan stays inside SRAM, NVM and its own tensors, whatever
// checksums say. What a kernel touches at most is said by its op (`bounds`), one file each.
import {
  ActivationType,
  CONSTANT,
  GROUP_MASK,
  GROUP_SHIFT,
  Group,
  OP_BIAS,
  OP_BIAS_SHIFT,
  OP_BYTES,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCALE_FORMAT,
  OP_SCALE_SHIFT,
  OP_SCRATCH0,
  OP_TILES,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  STATE_BANKS,
  ScaleFormat,
  WEIGHT_TYPE_COUNT,
} from '../../assembly/layout.js';
import { refuseRecord } from '../model/image-error.js';
import { type DeviceImage, groupsOf } from '../model/image.js';
import { isInference, kernelName, type OpRecord } from '../model/record.js';
import type { Bounds } from './op.js';
import { RECORD_OPS } from './index.js';
import { LEARNING_OPS } from './learning.js';

/** What addresses of constants are a multiple of: 4 bytes, or 8 with int16 activations; 2 of lean biases and scales. */
function constantUnit(op: OpRecord, field: number): number | undefined {
  if (field === OP_WEIGHTS) return 4 * op.valueBytes;
  if (field !== OP_BIAS && field !== OP_REQUANT) return undefined;
  return op.isLean ? 2 : 4 * op.valueBytes;
}
/** Of lean biases and scales. */
const MOST_SHIFT = 31;
/** Areas of SRAM begin at multiples of this: 8-byte sums lie in them. */
const AREA_UNIT = 8;
const KNOWN = 'an op of docs/FORMAT.md';
/** Bytes behind the last buffer that an image may ask for. */
const SLACK = 64;

/** Bytes that an address of a group counts into. */
function groupBytes(image: DeviceImage, group: number): number {
  const learning = groupsOf(image);
  if (!learning) return 0;
  switch (group as Group) {
    case Group.WEIGHTS:
    case Group.NEXT:
      return learning.bankBytes;
    case Group.SAMPLE:
    case Group.SPARE:
      return learning.entryBytes;
    case Group.LANE:
      return learning.laneBytes;
    case Group.STATE:
    case Group.STATE_NEXT:
      return learning.stateBytes;
  }
  return 0;
}

/** What a finished walk over an image's records knows. */
class Walk {
  /** Where the last byte ends that a record touches. */
  end = 0;

  constructor(private readonly image: DeviceImage) {}

  /** `bytes` from the address in `field` on. */
  extent(op: OpRecord, what: string, field: number, bytes: number, writes: boolean): void {
    if (bytes === 0) return;
    const { imageBytes, nvmBytes, diagnostics } = this.image;
    const address = op.get(field) >>> 0;
    const isConstant = (address & CONSTANT) !== 0;
    const place = address & ~CONSTANT;
    const group = groupsOf(this.image) ? place >>> GROUP_SHIFT : 0;
    const from = group ? place & GROUP_MASK : place;
    const most = group ? groupBytes(this.image, group) : isConstant ? imageBytes : nvmBytes;
    const least = group || !writes ? 0 : diagnostics.offset + diagnostics.bytes;
    const unit = constantUnit(op, field) ?? op.valueBytes;
    if (from % unit !== 0) refuseRecord(`${what} with an address of ${address}`, `a multiple of ${unit}`);
    const inside = from >= least && from + bytes <= most && !(writes && isConstant);
    const verb = writes ? 'writes' : 'reads';
    if (!inside) refuseRecord(`${what} that ${verb} ${bytes} bytes at ${address}`, `bytes inside ${most}`);
    if (!group && !isConstant) this.end = Math.max(this.end, from + bytes);
  }
}

/** What any record says of itself, whatever its kind. */
function checkCommon(op: OpRecord, what: string): void {
  const type = op.get(OP_WEIGHT_TYPE);
  const format = op.get(OP_SCALE_FORMAT);
  if (type >= WEIGHT_TYPE_COUNT || format > (op.isInt8 ? ScaleFormat.LEAN : ScaleFormat.PAIRS))
    refuseRecord(`${what} with weights of type ${type}, scales of format ${format}`, 'known ones');
  const shifts = [OP_BIAS_SHIFT, OP_SCALE_SHIFT].map((field) => op.get(field));
  if (op.isLean && shifts.some((shift) => shift > MOST_SHIFT))
    refuseRecord(`${what} with shifts of ${shifts.join(' and ')}`, `at most ${MOST_SHIFT}`);
  const stride = op.get(OP_REQUANT_STRIDE);
  if (stride !== 0 && stride !== 8)
    refuseRecord(`${what} with requantization pairs ${stride} bytes apart`, '0 or 8');
}

function checkBounds(image: DeviceImage, walk: Walk, op: OpRecord, what: string): void {
  const { scratch, reads, writes, demands }: Bounds = RECORD_OPS[op.inference].bounds(op);
  for (const [name, found, most] of demands)
    if (!(found <= most)) refuseRecord(`${what} with ${name} ${found}`, `at most ${most}`);
  scratch.forEach((bytes, i) => {
    const from = op.get(OP_SCRATCH0 + 4 * i) >>> 0;
    if (bytes === 0) return;
    if (from % AREA_UNIT !== 0)
      refuseRecord(`${what} with an area of SRAM at ${from}`, `a multiple of ${AREA_UNIT}`);
    if (from >= OP_BYTES && from + bytes <= image.arenaBytes) return;
    refuseRecord(
      `${what} that works on ${bytes} bytes of SRAM at ${from}`,
      `bytes inside ${image.arenaBytes}`,
    );
  });
  for (const [field, bytes] of reads) walk.extent(op, what, field, bytes, false);
  for (const [field, bytes] of writes) walk.extent(op, what, field, bytes, true);
}

/** Bytes of state up to the last that anything but a record names; learning has its lanes behind all else. */
function regionsEnd({ slots, diagnostics, input, output, learning, stream }: DeviceImage): number {
  const ends = [slots, diagnostics, input, output].map(({ offset, bytes }) => offset + bytes);
  if (learning) ends.push(learning.lanes + (learning.laneCount + 1) * learning.laneBytes);
  if (stream) ends.push(stream.states + STATE_BANKS * stream.stateBytes);
  return Math.max(...ends);
}

/**
 * Throws `E_IMAGE_RECORD` unless all that inference asks for lies inside what the image declares, and that ends where its
 * buffers do. Records of learning are held to that by the proof, on the module itself (docs/VERIFY.md); here only to
 * kinds that there are, and a number of tiles that ends.
 */
export function checkRecords(image: DeviceImage): void {
  const walk = new Walk(image);
  for (const [index, op] of image.ops.entries()) {
    const what = `op ${index} (${kernelName(op.kind, op.get(1))})`;
    const tiles = op.get(OP_TILES);
    if (tiles < 1) refuseRecord(`${what} of ${tiles} tiles`, 'at least 1');
    if (op.isLearning) {
      if (!Object.hasOwn(LEARNING_OPS, op.kind)) refuseRecord(`${what}, which there is not`, KNOWN);
      const most = image.nvmBytes;
      if (tiles > most) refuseRecord(`${what} of ${tiles} tiles`, `at most one a byte of NVM, ${most}`);
      continue;
    }
    const known = isInference(op.kind) && Object.hasOwn(RECORD_OPS, op.kind);
    if (!known || op.get(1) > ActivationType.INT16) refuseRecord(`${what}, which there is not`, KNOWN);
    checkCommon(op, what);
    checkBounds(image, walk, op, what);
  }
  const used = Math.max(walk.end, regionsEnd(image));
  if (image.nvmBytes > used + SLACK)
    refuseRecord(`${image.nvmBytes} bytes of NVM`, `${used}: what its buffers take`);
}
