// The image (.brn): device bytes, which a device only reads (header, plan, constants), then sections for the desk alone
// (docs/FORMAT.md).
import {
  AddressSpace,
  STATE_BYTES,
  CONSTANT,
  CURSOR_BYTES,
  DIAGNOSTICS_BYTES,
  HEADER_BYTES,
  H_ARENA_BYTES,
  H_CONSTANTS,
  H_CONSTANTS_CRC,
  H_CRC,
  H_DIAGNOSTICS,
  H_CONSTANTS_SPACE,
  H_IMAGE_ID,
  H_INPUT,
  H_JOBS,
  H_MAGIC,
  H_MAX_BOOTS,
  H_NVM_BYTES,
  H_OUTPUT,
  H_PLAN,
  H_PLAN_CRC,
  H_POLICY_EVERY,
  H_POLICY_LOW,
  H_UNSTABLE,
  H_RELEASE,
  H_REGIONS,
  H_SLOTS,
  H_SLOT_STRIDE,
  H_TENSORS,
  H_VERSION,
  JOURNAL_BYTES,
  JobKind,
  MAGIC,
  N_JOURNAL,
  OP_BYTES,
  OP_CRC,
  OpKind,
  H_LEARNING,
  REGION_COUNT,
  LEARNING_HEADER_BYTES,
  VERSION,
} from '../../assembly/layout.js';
import { checkBytes } from '../error.js';
import { COPY_AGAIN, hex, refuse } from './image-error.js';
import { checkCrc, concat, readSections, section, SectionTag, writeSections } from './sections.js';
import { checkSignature, type ImageSignature, signatureOf } from './signature.js';
import { type ImageMetadata, parseMetadata } from './metadata.js';
import type { Plan } from './plan.js';
import { OpRecord } from './record.js';
import { crc32 } from './crc32.js';
import { readTensorTable, type Region, setTensorTable, type TensorTable } from './tensor-table.js';
import { tensorBytes } from './quantized-network.js';
import {
  isLearningHeader,
  isStreamHeader,
  readLearningHeader,
  type LearningHeader,
} from './learning-header.js';
import { type Values, valuesFrom } from './values.js';

/** When the cursor is written, besides mandatory commits. */
export interface CommitPolicy {
  /** After this many tiles; 0: never periodically. */
  every: number;
  /** When the voltage monitor says that power is low. */
  low: boolean;
}

/** What the device bytes say: header, plan, and where everything lies, constants in the image and state in NVM. */
export interface DeviceImage {
  /** The bytes that a device only reads: header, plan, constants. */
  device: Uint8Array;
  imageId: number;
  imageBytes: number;
  /** Of NVM: the state. */
  nvmBytes: number;
  arenaBytes: number;
  plan: Region;
  constants: Region;
  slots: Region;
  slotStride: number;
  diagnostics: Region;
  input: Region;
  output: Region;
  policy: CommitPolicy;
  /** Words of NVM that a cut has torn may read differently every time: boot settles the slots. */
  unstable: boolean;
  /** Number of the release, which firmware does not go back from; 0: it does not ask. */
  release: number;
  maxBoots: number;
  /** First op and op count of each kind of job. */
  jobs: { first: number; count: number }[];
  /** What `input` and `output` consist of. */
  tensors: TensorTable;
  ops: OpRecord[];
  /** Of images that learn. */
  learning: LearningHeader | undefined;
  /** Of images that keep state from job to job and do not learn: where that lies. */
  stream: LearningHeader | undefined;
}

/** An image that was read and checked: what all calls take in place of its bytes. */
export interface Image extends DeviceImage {
  /** The whole file. */
  file: Uint8Array;
  metadata: ImageMetadata;
  /** An input that the image carries, already quantized. */
  sample: Values | undefined;
  /** Who signed it; undefined: nobody. */
  signature: ImageSignature | undefined;
}

/** What the groups of addresses of an image stand for; undefined where it has none. */
export const groupsOf = ({
  learning,
  stream,
}: Pick<DeviceImage, 'learning' | 'stream'>): LearningHeader | undefined => learning ?? stream;

/** Whether inferences leave their input in the sample ring, for a label that comes late. */
export const keepsInputs = ({ ops, jobs }: Pick<DeviceImage, 'ops' | 'jobs'>): boolean => {
  const { first, count } = jobs[JobKind.INFER]!;
  return ops.slice(first, first + count).some((op) => op.kind === OpKind.FINISH);
};

/** Boots at one cursor before the device says `E_NO_PROGRESS`. */
const MAX_BOOTS = 64;
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Recomputes the header's own checksum, in place. */
function sealHeader(header: Uint8Array): void {
  view(header).setUint32(H_CRC, crc32(header.subarray(H_IMAGE_ID, HEADER_BYTES)), true);
}

/** Recomputes every record's own checksum, in place. */
function sealRecords(planBytes: Uint8Array): void {
  for (const op of opRecords(planBytes)) op.set(OP_CRC, crc32(op.bytes.subarray(0, OP_CRC)));
}

/** Assembles the file from a plan. */
export function writeImage(
  plan: Plan,
  policy: CommitPolicy,
  metadata: ImageMetadata,
  sample: Values | undefined,
): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const fields = view(header);
  const set = (offset: number, value: number): void => fields.setUint32(offset, value, true);
  const setRegion = (offset: number, region: Region): void => {
    set(offset, region.offset);
    set(offset + 4, region.bytes);
  };
  const planBytes = concat(plan.ops.map((op) => op.record.bytes));
  sealRecords(planBytes);
  const planCrc = crc32(planBytes);
  set(H_MAGIC, MAGIC);
  set(H_VERSION, VERSION | (HEADER_BYTES << 16));
  set(H_IMAGE_ID, crc32(plan.constantBytes, planCrc));
  set(H_CONSTANTS_SPACE, AddressSpace.IMAGE);
  set(H_NVM_BYTES, plan.nvmBytes);
  set(H_ARENA_BYTES, plan.arenaBytes);
  set(H_PLAN_CRC, planCrc);
  setRegion(H_PLAN, plan.plan);
  setRegion(H_CONSTANTS, plan.constants);
  setRegion(H_SLOTS, plan.slots);
  setRegion(H_DIAGNOSTICS, plan.diagnostics);
  setRegion(H_INPUT, plan.input);
  setRegion(H_OUTPUT, plan.output);
  set(H_CONSTANTS_CRC, crc32(plan.constantBytes));
  set(H_SLOT_STRIDE, plan.slotStride);
  set(H_POLICY_EVERY, policy.every);
  set(H_POLICY_LOW, policy.low ? 1 : 0);
  fields.setUint8(H_UNSTABLE, plan.unstable ? 1 : 0);
  fields.setUint16(H_RELEASE, plan.release ?? 0, true);
  set(H_MAX_BOOTS, MAX_BOOTS);
  plan.jobs.forEach(({ first, count }, kind) => {
    set(H_JOBS + kind * 8, first);
    set(H_JOBS + kind * 8 + 4, count);
  });
  set(H_LEARNING, plan.learning);
  setTensorTable(fields, plan.tensors.offset, plan.tensors);
  sealHeader(header);
  return concat([header, planBytes, plan.constantBytes, ...writeSections(metadata, sample)]);
}

/** The same image under another commit policy: plan, constants and so the image id stay what they are. */
export function withPolicy(image: Image, policy: CommitPolicy, name: string): Image {
  const device = image.device.slice();
  view(device).setUint32(H_POLICY_EVERY, policy.every, true);
  view(device).setUint8(H_POLICY_LOW, policy.low ? 1 : 0);
  sealHeader(device);
  const { proof: _, ...metadata } = image.metadata;
  return readImage(concat([device, ...writeSections({ ...metadata, policy: name }, image.sample)]));
}

/** The same image with other constants, and the checksums that go with them. */
export function withConstants(image: Image, edit: (device: Uint8Array) => void): Image {
  const device = image.device.slice();
  edit(device);
  const constants = device.subarray(image.constants.offset, image.imageBytes);
  view(device).setUint32(H_CONSTANTS_CRC, crc32(constants), true);
  view(device).setUint32(H_IMAGE_ID, crc32(constants, view(device).getUint32(H_PLAN_CRC, true)), true);
  sealHeader(device);
  const { proof: _, ...metadata } = image.metadata;
  return readImage(concat([device, ...writeSections(metadata, image.sample)]));
}

/** The same image with its plan edited and every checksum made to fit: for tests of what checksums cannot catch. */
export function resealImage(image: Image, edit: (ops: OpRecord[]) => void): Image {
  const file = image.device.slice();
  const fields = view(file);
  const planBytes = file.subarray(image.plan.offset, image.plan.offset + image.plan.bytes);
  edit(opRecords(planBytes));
  sealRecords(planBytes);
  const planCrc = crc32(planBytes);
  fields.setUint32(H_PLAN_CRC, planCrc, true);
  fields.setUint32(H_IMAGE_ID, crc32(file.subarray(image.constants.offset, image.imageBytes), planCrc), true);
  sealHeader(file.subarray(0, HEADER_BYTES));
  const { proof: _, ...metadata } = image.metadata;
  return readImage(concat([file, ...writeSections(metadata, image.sample)]));
}

function opRecords(planBytes: Uint8Array): OpRecord[] {
  return Array.from({ length: planBytes.length / OP_BYTES }, (_, i) => {
    return new OpRecord(planBytes.subarray(i * OP_BYTES, (i + 1) * OP_BYTES));
  });
}

const regionAt = (fields: DataView, offset: number): Region => {
  return { offset: fields.getUint32(offset, true), bytes: fields.getUint32(offset + 4, true) };
};

/** Magic, version, checksum and regions of a header. */
function checkHeader(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES) {
    refuse('E_IMAGE_SIZE', `${bytes.length} bytes`, `at least the ${HEADER_BYTES} of a header`, COPY_AGAIN);
  }
  const fields = view(bytes);
  const get = (offset: number): number => fields.getUint32(offset, true);
  if (get(H_MAGIC) !== MAGIC) {
    const hint = 'Give a .brn image, such as checkpoints/digits.brn.';
    refuse('E_IMAGE_MAGIC', `first bytes ${hex(get(H_MAGIC))}`, `"BRN1" (${hex(MAGIC)})`, hint);
  }
  if (get(H_VERSION) !== (VERSION | (HEADER_BYTES << 16)) >>> 0) {
    const found = `format version ${get(H_VERSION) & 0xffff} with a header of ${get(H_VERSION) >>> 16} bytes`;
    refuse(
      'E_IMAGE_VERSION',
      found,
      `version ${VERSION} with ${HEADER_BYTES}`,
      'Compile the model with this version.',
    );
  }
  checkCrc('header', bytes.subarray(H_IMAGE_ID, HEADER_BYTES), get(H_CRC));
  if (get(H_CONSTANTS_SPACE) !== AddressSpace.IMAGE) {
    const found = `constants in address space ${get(H_CONSTANTS_SPACE)}`;
    refuse(
      'E_IMAGE_HEADER',
      found,
      `${AddressSpace.IMAGE}: the image`,
      'Compile the model with this version.',
    );
  }
  for (let at = H_REGIONS; at < H_REGIONS + REGION_COUNT * 8; at += 8) {
    const { offset, bytes: length } = regionAt(fields, at);
    // A file that is shorter is a matter of its size, not of its header.
    const [from, to] = at < H_SLOTS ? [HEADER_BYTES, CONSTANT] : [STATE_BYTES, get(H_NVM_BYTES)];
    if (offset < from || offset + length > to || offset % 4 !== 0) {
      refuse(
        'E_IMAGE_HEADER',
        `region ${(at - H_REGIONS) / 8} at ${offset} of ${length} bytes`,
        `inside bytes ${from} to ${to}`,
        COPY_AGAIN,
      );
    }
  }
}

/** Whether regions follow each other, and jobs lie in the plan, as docs/FORMAT.md says. */
function isOrdered(image: Omit<DeviceImage, 'device' | 'ops' | 'learning' | 'stream' | 'tensors'>): boolean {
  const { plan, constants, slots, slotStride, diagnostics, imageBytes, jobs } = image;
  return (
    plan.offset === HEADER_BYTES &&
    plan.bytes > 0 &&
    plan.bytes % OP_BYTES === 0 &&
    constants.offset === plan.offset + plan.bytes &&
    imageBytes <= CONSTANT &&
    slotStride >= CURSOR_BYTES &&
    slotStride % 4 === 0 &&
    slots.bytes === 2 * slotStride &&
    jobs.every(({ first, count }) => first + count <= plan.bytes / OP_BYTES) &&
    slots.offset >= N_JOURNAL + JOURNAL_BYTES &&
    diagnostics.bytes === DIAGNOSTICS_BYTES
  );
}

/** The learning header at `offset`; 0: none. Throws `E_IMAGE_HEADER` where it is not of the image. */
function learningOf(
  device: Uint8Array,
  offset: number,
  { constants, nvmBytes, jobs }: Pick<DeviceImage, 'constants' | 'nvmBytes' | 'jobs'>,
): Pick<DeviceImage, 'learning' | 'stream'> {
  const learns = (jobs[JobKind.LEARN]?.count ?? 0) > 0;
  const end = constants.offset + constants.bytes;
  const inside = offset >= constants.offset && offset + LEARNING_HEADER_BYTES <= end && offset % 4 === 0;
  if (offset === 0 && !learns) return { learning: undefined, stream: undefined };
  const header = inside ? readLearningHeader(device, offset) : undefined;
  if (header && learns && isLearningHeader(header, nvmBytes, end))
    return { learning: header, stream: undefined };
  if (header && !learns && isStreamHeader(header, nvmBytes, end))
    return { learning: undefined, stream: header };
  refuse(
    'E_IMAGE_HEADER',
    `a learning header at ${offset}`,
    'one among the constants, of a learn job or of state',
    COPY_AGAIN,
  );
}

/** The table of tensors. Throws `E_IMAGE_HEADER` where it is not of the image. */
function tensorsOf(
  device: Uint8Array,
  regions: Pick<DeviceImage, 'constants' | 'input' | 'output'> & { stateBytes: number },
): TensorTable {
  const table = readTensorTable(device, regions);
  if (table) return table;
  const found = `a table of tensors at ${view(device).getUint32(H_TENSORS, true)}`;
  refuse('E_IMAGE_HEADER', found, 'one among the constants, of the input and the output', COPY_AGAIN);
}

/**
 * Reads and checks device bytes: the beginning of an image. Throws `E_IMAGE_*`, saying found, expected
 * and next step.
 */
export function readDevice(bytes: Uint8Array): DeviceImage {
  checkBytes(bytes, 'an image (.brn), or a dump of NVM');
  checkHeader(bytes);
  const fields = view(bytes);
  const get = (offset: number): number => fields.getUint32(offset, true);
  const constants = regionAt(fields, H_CONSTANTS);
  const layout = {
    imageId: get(H_IMAGE_ID),
    imageBytes: constants.offset + constants.bytes,
    nvmBytes: get(H_NVM_BYTES),
    arenaBytes: get(H_ARENA_BYTES),
    plan: regionAt(fields, H_PLAN),
    constants,
    slots: regionAt(fields, H_SLOTS),
    slotStride: get(H_SLOT_STRIDE),
    diagnostics: regionAt(fields, H_DIAGNOSTICS),
    input: regionAt(fields, H_INPUT),
    output: regionAt(fields, H_OUTPUT),
    policy: { every: get(H_POLICY_EVERY), low: (get(H_POLICY_LOW) & 0xff) !== 0 },
    unstable: fields.getUint8(H_UNSTABLE) !== 0,
    release: fields.getUint16(H_RELEASE, true),
    maxBoots: get(H_MAX_BOOTS),
    jobs: [0, 1].map((kind) => ({ first: get(H_JOBS + kind * 8), count: get(H_JOBS + kind * 8 + 4) })),
  };
  const { imageBytes, plan } = layout;
  if (imageBytes > bytes.length) {
    refuse('E_IMAGE_SIZE', `${bytes.length} bytes`, `at least ${imageBytes}`, COPY_AGAIN);
  }
  if (!isOrdered(layout)) {
    refuse(
      'E_IMAGE_HEADER',
      'regions that do not follow each other, or jobs outside the plan',
      'those of docs/FORMAT.md',
      COPY_AGAIN,
    );
  }
  const planBytes = bytes.subarray(plan.offset, plan.offset + plan.bytes);
  const constantBytes = bytes.subarray(constants.offset, imageBytes);
  checkCrc('plan', planBytes, get(H_PLAN_CRC));
  checkCrc('constants', constantBytes, get(H_CONSTANTS_CRC));
  if (layout.imageId !== crc32(constantBytes, get(H_PLAN_CRC))) {
    refuse('E_IMAGE_HEADER', `image id ${hex(layout.imageId)}`, 'that of its plan and constants', COPY_AGAIN);
  }
  const device = bytes.subarray(0, imageBytes);
  const groups = learningOf(device, get(H_LEARNING), layout);
  const tensors = tensorsOf(device, { ...layout, stateBytes: groups.stream?.stateBytes ?? 0 });
  return { ...layout, device, tensors, ops: opRecords(planBytes), ...groups };
}

/** Reads and checks a whole image file. Throws `E_IMAGE_*`. */
export function readImage(bytes: Uint8Array): Image {
  // A copy: callers keep their buffer, and a Node Buffer's slices would share it.
  const file = Uint8Array.from(checkBytes(bytes, 'an image (.brn)'));
  const image = readDevice(file);
  const sections = readSections(file, image.imageBytes);
  const payload = sections.get(SectionTag.METADATA)?.payload;
  if (!payload) refuse('E_IMAGE_SECTION', 'no metadata', 'a META section', COPY_AGAIN);
  const layered = image.ops.filter(({ kind }) => kind !== OpKind.FLIP).length;
  const metadata = parseMetadata(payload, image.ops.length, layered);
  if (
    tensorBytes(metadata.input) !== image.input.bytes ||
    tensorBytes(metadata.output) !== image.output.bytes
  ) {
    refuse('E_IMAGE_METADATA', 'shapes of other sizes than the plan’s', 'the same sizes', COPY_AGAIN);
  }
  const sample = sections.get(SectionTag.SAMPLE)?.payload;
  if (sample && sample.length !== image.input.bytes) {
    refuse('E_IMAGE_SECTION', `a sample of ${sample.length} bytes`, `${image.input.bytes}`, COPY_AGAIN);
  }
  const signed = sections.get(SectionTag.SIGNATURE);
  return {
    ...image,
    file,
    metadata,
    sample: sample && valuesFrom(sample, metadata.input.dtype),
    signature:
      signed && checkSignature(signed.payload, image.device, file.subarray(image.imageBytes, signed.from)),
  };
}

/** The same image, signed in place of any signature that it had. Throws `E_KEY`. */
export function withSignature(image: Image, privatePem: Uint8Array): Image {
  const old = readSections(image.file, image.imageBytes).get(SectionTag.SIGNATURE);
  const unsigned = image.file.subarray(0, old?.from);
  const payload = signatureOf(image.device, unsigned.subarray(image.imageBytes), privatePem);
  return readImage(concat([unsigned, section(SectionTag.SIGNATURE, payload)]));
}
