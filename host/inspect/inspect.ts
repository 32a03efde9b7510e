import {
  CURSOR_BYTES,
  C_CRC,
  C_IMAGE_ID,
  C_KIND,
  C_OP,
  C_SEQUENCE,
  C_STATE,
  C_STEP,
  C_TICKET,
  C_TILE,
  D_BOOTS,
  D_CRC,
  D_SEQUENCE,
  JobKind,
  OP_FLAG_COMMIT,
  OP_TILES,
} from '../../assembly/layout.js';
import { Status } from '../../assembly/error.js';
import type { DumpImage } from '../data/dump.js';
import { crc32 } from '../model/crc32.js';
import { type DeviceImage, readImage } from '../model/image.js';
import { checkSigner } from '../model/signature.js';
import { checkState } from '../model/state-record.js';
import { valuesFrom } from '../model/values.js';
import { type Origin, originOf } from '../origin.js';
import { describeOp } from '../ops/record.js';
import { type LearningStatus, learningStatus } from '../learning/learned.js';

/** A cursor slot as it lies in NVM. */
export interface CursorReport {
  slot: number;
  /** `whole`: its checksum is right; `blank`: all zeros or all ones; `torn`: neither. */
  condition: 'whole' | 'blank' | 'torn';
  /** Whether a boot would go on from here. */
  newest: boolean;
  ofThisImage: boolean;
  sequence: number;
  state: string;
  job: string;
  ticket: number;
  op: number;
  tile: number;
  step: number;
}

/** What `brownout inspect --json` prints. */
export interface InspectResult {
  /** Of a dump without a hash: it is of one moment. */
  origin: Origin;
  /** `image`: a .brn file; `nvm`: a dump of a device's memory. */
  kind: 'image' | 'nvm';
  name?: string;
  /** Of an image that is signed: by whom, the public key in hex. */
  signedBy?: string;
  imageId: number;
  imageBytes: number;
  nvmBytes: number;
  arenaBytes: number;
  policy: { every: number; low: boolean };
  regions: Record<string, { offset: number; bytes: number }>;
  plan: { name?: string; kind: string; tiles: number; outputShape: number[]; commits: boolean }[];
  /** Of a dump only. */
  cursors?: CursorReport[];
  /** Where a boot would go on; absent if no slot is whole. */
  job?: { state: string; ticket: number; op: number; tile: number; answer?: number[] };
  /** The boot counter: boots at the same cursor; absent if it was never written or is torn. */
  boots?: { sequence: number; count: number };
  /** Of a device that learns. */
  learning?: LearningStatus;
}

function readCursors(nvm: Uint8Array, image: DeviceImage): CursorReport[] {
  const reports = [0, 1].map((slot): CursorReport => {
    const start = image.slots.offset + slot * image.slotStride;
    const bytes = nvm.subarray(start, start + CURSOR_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const get = (offset: number): number => view.getUint32(offset, true);
    const whole = crc32(bytes.subarray(0, C_CRC)) === get(C_CRC);
    const blank = bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff);
    return {
      slot,
      condition: whole ? 'whole' : blank ? 'blank' : 'torn',
      newest: false,
      ofThisImage: get(C_IMAGE_ID) === image.imageId,
      sequence: get(C_SEQUENCE),
      state: Status[get(C_STATE)] ?? `${get(C_STATE)}`,
      job: (JobKind[get(C_KIND)] ?? `${get(C_KIND)}`).toLowerCase(),
      ticket: get(C_TICKET),
      op: get(C_OP),
      tile: get(C_TILE),
      step: get(C_STEP),
    };
  });
  const whole = reports.filter(({ condition }) => condition === 'whole');
  whole.sort((a, b) => (b.sequence - a.sequence) | 0);
  if (whole[0]) whole[0].newest = true;
  return reports;
}

function readBoots(nvm: Uint8Array, image: DeviceImage): InspectResult['boots'] {
  const { offset, bytes } = image.diagnostics;
  const view = new DataView(nvm.buffer, nvm.byteOffset + offset, bytes);
  if (crc32(nvm.subarray(offset, offset + D_CRC)) !== view.getUint32(D_CRC, true)) return undefined;
  return { sequence: view.getUint32(D_SEQUENCE, true), count: view.getUint32(D_BOOTS, true) };
}

function inspectNvm(
  nvm: Uint8Array,
  image: DeviceImage,
): Pick<InspectResult, 'cursors' | 'job' | 'boots' | 'learning'> {
  const cursors = readCursors(nvm, image);
  const newest = cursors.find((cursor) => cursor.newest);
  const boots = readBoots(nvm, image);
  const { offset, bytes } = image.output;
  const { type: dtype } = image.tensors.outputs[0]!;
  const answer = [...valuesFrom(nvm.subarray(offset, offset + bytes), dtype)];
  const job = newest && {
    state: newest.state,
    ticket: newest.ticket,
    op: newest.op,
    tile: newest.tile,
    ...(newest.state === Status[Status.DONE] ? { answer } : {}),
  };
  const learning = image.learning && newest && { learning: learningStatus(nvm, image) };
  return { cursors, ...(job ? { job } : {}), ...(boots ? { boots } : {}), ...learning };
}

/**
 * Reports what is in an image. `signedBy`, PEM of an Ed25519 public key: who must have signed it. Throws `E_IMAGE_*`,
 * `E_SIGNATURE`, `E_KEY`.
 */
export function inspect(bytes: Uint8Array, signedBy?: Uint8Array): InspectResult {
  const image = readImage(bytes);
  checkSigner(image, signedBy);
  const origin = originOf({ image: bytes });
  const { metadata, signature } = image;
  const signer = signature && { signedBy: signature.signedBy };
  return { origin, kind: 'image', name: metadata.name, ...signer, ...describe(image, metadata.ops) };
}

/** Reports what is in a dump of NVM, the state of `image`: for post-mortems. Throws as `checkState`. */
export function inspectDump(nvm: Uint8Array, image: DumpImage): InspectResult {
  checkState(nvm, image);
  const origin = originOf(image.file ? { image: image.file } : {});
  return { origin, kind: 'nvm', ...describe(image), ...inspectNvm(nvm, image) };
}

function describe(image: DeviceImage, names?: readonly string[]): Omit<InspectResult, 'kind' | 'origin'> {
  const { plan, constants, slots, diagnostics, input, output } = image;
  return {
    imageId: image.imageId,
    imageBytes: image.imageBytes,
    nvmBytes: image.nvmBytes,
    arenaBytes: image.arenaBytes,
    policy: image.policy,
    regions: { plan, constants, slots, diagnostics, input, output },
    plan: image.ops.map((op, index) => {
      const { kind, outputShape } = describeOp(op);
      const commits = op.has(OP_FLAG_COMMIT);
      return {
        ...(names ? { name: names[index]! } : {}),
        kind,
        tiles: op.get(OP_TILES),
        outputShape,
        commits,
      };
    }),
  };
}
