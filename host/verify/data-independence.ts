// The obligation that lets one input stand for all, and one set of weights for all that a plan is for: no branch, address or
// length of a tile depends on data in NVM, or on constants that are no part of the plan. It is
// shown on the binary, by following every value that comes from there (toolchain/taint.ts). What does depend is named.
// Scales are followed by themselves: by them kernels made for speed round in one of two ways, in registers; no address or length
// depends on them.
import { CONSTANT, H_LEARNING, LEARNING_BYTES, OP_REQUANT, OpKind } from '../../assembly/layout.js';
import { cursorBytes, slotAddress } from '../model/cursor.js';
import { recordOp } from '../ops/record.js';
import type { Interval } from '../plan/interval.js';
import { followTaint, type Tainting } from '../toolchain/taint.js';
import { Fault, Probe } from './probe.js';
import type { Subject } from './subject.js';
import { refute } from './violation.js';

/** What of an op may depend on data, and why no view, no write and no result hangs on more than the data itself. */
interface Exception {
  addresses?: string;
  branches?: string;
}

const TABLE = 'looks up a table that lies in SRAM or in one view, whole, and as long as an index can be';
const LISTED =
  'reads blocks that a list of constants names, of its window in SRAM and none beyond whatever the list says';
const SPARES = 'leaves out errors that are 0, in sums in SRAM; the plan counts all that it could read';
const ROUNDS = 'rounds, saturates and scales by shifts, in registers and sums in SRAM';
const DECIDES =
  'decides by labels and verdicts, and commits the decision: each way it can go is proved for itself';
const WAITING = 'reads the entries that wait, and their labels: the plan counts every entry';
const ABSENT = 'leaves out classes without a sample and weights that are 0; the plan counts all of them';

/** By kind of op. Whatever is not here follows no data. */
const EXCEPTIONS: Partial<Record<OpKind, Exception>> = {
  [OpKind.CONV2D_SPARSE]: { addresses: LISTED },
  [OpKind.MAP]: { addresses: TABLE },
  [OpKind.LOOKUP]: { addresses: TABLE },
  [OpKind.SOFTMAX]: { addresses: TABLE, branches: 'leaves out terms that are 0, within its row in SRAM' },
  [OpKind.TURN]: { addresses: DECIDES, branches: DECIDES },
  [OpKind.LOSS]: { addresses: TABLE, branches: DECIDES },
  [OpKind.CONV2D_GRAD]: { branches: SPARES },
  [OpKind.DEPTHWISE_GRAD]: { branches: SPARES },
  [OpKind.CIRCULANT_GRAD]: { branches: SPARES },
  [OpKind.MAX_POOL_GRAD]: { branches: SPARES },
  [OpKind.AVG_POOL_GRAD]: { branches: SPARES },
  [OpKind.RESCALE]: { branches: ROUNDS },
  [OpKind.UPDATE_CONV2D]: { branches: `${SPARES}; ${ROUNDS}` },
  [OpKind.UPDATE_DEPTHWISE]: { branches: `${SPARES}; ${ROUNDS}` },
  [OpKind.UPDATE_CIRCULANT]: { branches: `${SPARES}; ${ROUNDS}` },
  [OpKind.FINISH]: { addresses: DECIDES, branches: DECIDES },
  [OpKind.DUE]: { addresses: DECIDES, branches: DECIDES },
  [OpKind.FOLD]: { addresses: WAITING, branches: `${WAITING}; ${ROUNDS}` },
  [OpKind.FORGET]: { addresses: DECIDES, branches: `${DECIDES}; ${ROUNDS}` },
  [OpKind.FACTOR]: { branches: ROUNDS },
  [OpKind.SOLVE]: { branches: `${ABSENT}; ${ROUNDS}` },
  [OpKind.REQUANTIZE]: { branches: `${ABSENT}; ${ROUNDS}` },
  [OpKind.SETTLE]: { addresses: DECIDES, branches: DECIDES },
  [OpKind.WIPE]: { branches: DECIDES },
};

/** Follows the job's data, then scales. Returns names of the kinds of ops that depend on data, or undefined with vectors. */
export function dataIndependence(subject: Subject): string[] | undefined {
  const tainting = follow(subject.plain.wasm);
  if (!tainting) return undefined;
  const { image } = subject;
  const scales = scalesOf(image);
  const isScale = (address: number): boolean =>
    scales.some(([start, end]) => address >= start && address < end);
  const excepted = new Set<OpKind>();
  run(subject, tainting, {
    isData: (address) => address >= image.input.offset,
    isConstant: (address) => !steers(image, address) && !isScale(address),
    found(kind, what, at, index) {
      excepted.add(kind);
      if (!EXCEPTIONS[kind]?.[what]) refuse(kind, what, 'data', at, index);
    },
  });
  run(subject, tainting, {
    isData: () => false,
    isConstant: isScale,
    found(kind, what, at, index) {
      if (what === 'addresses' && !EXCEPTIONS[kind]?.addresses) refuse(kind, what, 'scales', at, index);
    },
  });
  return [...excepted].map((kind) => OpKind[kind]!);
}

const refuse = (kind: OpKind, what: string, on: string, at: number, index: number): never =>
  refute('data', `${what} of ${OpKind[kind]} depend on ${on}, at offset ${at} of the module`, index);

/** Which views are followed, and what hears of a step that depends on them. */
interface Followed {
  isData(address: number): boolean;
  isConstant(address: number): boolean;
  found(kind: OpKind, what: keyof Exception, at: number, index: number): void;
}

/** One run of the job. */
function run(
  { image, job, sramBytes, plain }: Subject,
  { wasm, marksAt, foundAt }: Tainting,
  on: Followed,
): void {
  const { mapping } = plain;
  const mark = (address: number, length: number, value: number): void => {
    probe.memory.fill(value, marksAt + address, marksAt + address + length);
  };
  const probe: Probe = new Probe(
    { module: new WebAssembly.Module(wasm), mapping },
    {
      image,
      sramBytes,
      onView: (address, length, scratch) => mark(scratch, length, on.isData(address) ? 1 : 0),
      onConstant: (scratch, length, address) => mark(scratch, length, on.isConstant(address) ? 1 : 0),
      onAccelerated: (address, length) => mark(address, length, 1),
    },
  );
  probe.nvm.set(job.initial);
  probe.nvm.set(cursorBytes(job.cursors[0]!, 0), slotAddress(image, 0));
  const found = new DataView(probe.memory.buffer, foundAt, 8);
  // What no view brings lies marked in the module's memory.
  const state = mapping && Uint8Array.from({ length: image.nvmBytes }, (_, at) => (on.isData(at) ? 1 : 0));
  const markState = (): void => {
    if (state) probe.memory.set(state, marksAt + mapping.stateAt);
  };
  if (mapping)
    for (let at = 0; at < image.imageBytes; at++) mark(mapping.imageAt + at, 1, on.isConstant(at) ? 1 : 0);
  markState();
  probe.boot((arena) => arena.fill(0));
  job.steps.forEach(({ op }, index) => {
    try {
      probe.call(() => probe.device.run(1));
    } catch (error) {
      if (error instanceof Fault) refute('data', error.message, index);
      throw error;
    }
    for (const [i, what] of (['addresses', 'branches'] as const).entries()) {
      const at = found.getUint32(4 * i, true);
      found.setUint32(4 * i, 0, true);
      if (at !== 0) on.found(image.ops[op]!.kind, what, at, index);
    }
    // Static data is made of what is committed: what a tile decided is a fact from here on.
    mark(0, probe.arena, 0);
    markState();
  });
}

/** Where the image has scales. */
function scalesOf({ ops }: Subject['image']): Interval[] {
  return ops
    .filter((op) => !op.isLearning && (op.get(OP_REQUANT) & CONSTANT) !== 0)
    .flatMap((op) => {
      const start = (op.get(OP_REQUANT) & ~CONSTANT) >>> 0;
      const { reads } = recordOp(op).bounds(op);
      return reads.flatMap(([field, bytes]) =>
        field === OP_REQUANT ? [[start, start + bytes] as const] : [],
      );
    });
}

/** Whether what lies at `address` of the image may steer the module: header, plan, and what groups of addresses are. */
function steers({ constants, device }: Subject['image'], address: number): boolean {
  const groups = new DataView(device.buffer, device.byteOffset).getUint32(H_LEARNING, true);
  return address < constants.offset || (groups > 0 && (address - groups) >>> 0 < LEARNING_BYTES);
}

/** A copy of the module that follows data; none of one with vectors. */
function follow(wasm: Uint8Array): Tainting | undefined {
  try {
    return followTaint(wasm);
  } catch (error) {
    // With vectors, or with calls through a table.
    if (error instanceof Error && /^(cannot follow taint|unsupported)/.test(error.message)) return undefined;
    throw error;
  }
}
