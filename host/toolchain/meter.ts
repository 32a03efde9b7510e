import { ByteWriter, EMPTY_BLOCK, Op, Section, ValueType } from './wasm-bytes.js';
import {
  appendItems,
  encodeModule,
  type FunctionBody,
  type Instruction,
  instructionsOf,
  parseModule,
  requireValid,
  rewriteCode,
  type WasmModule,
} from './wasm-binary.js';

/**
 * Cycles per executed instruction, by class; multiples of 1/16. Every instruction belongs to exactly one class:
 *
 * | class | instructions |
 * |---|---|
 * | `local` | local.get, local.set, local.tee, global.get, global.set |
 * | `constant` | i32/i64/f32/f64/v128.const, memory.size |
 * | `alu32` | all other 32-bit arithmetic, comparisons and conversions to 32 bits; i64.extend_i32_s/u |
 * | `mul32`, `div32` | i32.mul, f32.mul; i32.div_s/u, i32.rem_s/u, f32.div, f32.sqrt |
 * | `alu64` | all other 64-bit arithmetic, comparisons and conversions to 64 bits |
 * | `mul64`, `div64` | as `mul32` and `div32`, for i64 and f64 |
 * | `load`, `store` | all of them, whatever the width, SIMD and SIMD lanes included |
 * | `branch` | if, br, br_if, br_table, return |
 * | `call` | call, call_indirect, memory.grow |
 * | `select` | select |
 * | `simd` | every other vector instruction |
 * | `bulkSetup`, `bulkPerByte` | memory.copy and memory.fill: setup + length × perByte |
 *
 * drop, nop and unreachable take no cycles but count as instructions; block, loop, else and end are markers and
 * count as nothing. Floating point has no class of its own: no device kernel uses it.
 */
export interface InstructionCosts {
  local: number;
  constant: number;
  alu32: number;
  mul32: number;
  div32: number;
  alu64: number;
  mul64: number;
  div64: number;
  load: number;
  store: number;
  branch: number;
  call: number;
  select: number;
  simd: number;
  bulkPerByte: number;
  bulkSetup: number;
}

/** The largest budget, in cycles: 2³¹ sixteenths. */
export const MAX_BUDGET_CYCLES = 2 ** 27;

// The packed counter: cycles in sixteenths above, instructions below, so that one addition does for both.
const cycleShift = 32n;
// What one segment, or one bulk operation, may charge; far enough below 2³¹ that an overshoot cannot wrap.
const maxCharge = 2 ** 30;

const costNames: readonly (keyof InstructionCosts)[] = [
  ...(['local', 'constant', 'alu32', 'mul32', 'div32', 'alu64', 'mul64', 'div64'] as const),
  ...(['load', 'store', 'branch', 'call', 'select', 'simd', 'bulkPerByte', 'bulkSetup'] as const),
];

function toSixteenths(costs: InstructionCosts): InstructionCosts {
  const result = { ...costs };
  for (const name of costNames) {
    const sixteenths = costs[name] * 16;
    if (!Number.isInteger(sixteenths) || sixteenths < 0 || sixteenths > 2 ** 20)
      throw new Error(`cost ${name} is ${costs[name]}; expected a multiple of 1/16 from 0 to 65536`);
    result[name] = sixteenths;
  }
  return result;
}

/**
 * The cost class of an instruction that is executed; `free` counts but takes no time, `marker` is no instruction.
 * `bulkSetup` stands for memory.copy and memory.fill, whose length is charged on top.
 */
function costClass(opcode: number): keyof InstructionCosts | 'free' | 'marker' {
  if (opcode >= 0xfd00) return simdClass(opcode);
  if (opcode >= 0xfc00) {
    if (opcode >= Op.MEMORY_COPY) return 'bulkSetup';
    return opcode <= 0xfc03 ? 'alu32' : 'alu64'; // saturating truncation
  }
  if (opcode >= Op.I32_LOAD && opcode <= Op.I64_LOAD32_U) return 'load';
  if (opcode >= Op.I32_STORE && opcode <= Op.I64_STORE32) return 'store';
  if (opcode >= Op.LOCAL_GET && opcode <= Op.GLOBAL_SET) return 'local';
  if (opcode >= Op.MEMORY_SIZE) return opcode === Op.MEMORY_GROW ? 'call' : numericClass(opcode);
  switch (opcode) {
    case Op.BLOCK:
    case Op.LOOP:
    case Op.ELSE:
    case Op.END:
      return 'marker';
    case Op.CALL:
    case Op.CALL_INDIRECT:
      return 'call';
    case Op.SELECT:
      return 'select';
    case Op.UNREACHABLE:
    case Op.NOP:
    case Op.DROP:
      return 'free';
    default:
      return 'branch';
  }
}

function numericClass(opcode: number): keyof InstructionCosts {
  if (opcode <= Op.F64_CONST) return 'constant';
  if (opcode <= 0x4f) return 'alu32'; // i32 comparisons
  if (opcode <= 0x5a) return 'alu64';
  if (opcode <= 0x60) return 'alu32'; // f32 comparisons
  if (opcode <= 0x66) return 'alu64';
  if (opcode <= 0x78) {
    if (opcode === 0x6c) return 'mul32';
    return opcode >= 0x6d && opcode <= 0x70 ? 'div32' : 'alu32';
  }
  if (opcode <= 0x8a) {
    if (opcode === Op.I64_MUL) return 'mul64';
    return opcode >= 0x7f && opcode <= 0x82 ? 'div64' : 'alu64';
  }
  if (opcode <= 0x98) {
    if (opcode === 0x94) return 'mul32';
    return opcode === 0x91 || opcode === 0x95 ? 'div32' : 'alu32';
  }
  if (opcode <= 0xa6) {
    if (opcode === 0xa2) return 'mul64';
    return opcode === 0x9f || opcode === 0xa3 ? 'div64' : 'alu64';
  }
  // Conversions go by the width of their result; widening an i32 is one instruction on a 32-bit machine.
  if (opcode <= Op.I64_EXTEND_I32_U) return 'alu32';
  if (opcode <= 0xb1) return 'alu64';
  if (opcode <= 0xb6) return 'alu32';
  if (opcode <= 0xbb) return 'alu64';
  return [0xbc, 0xbe, 0xc0, 0xc1].includes(opcode) ? 'alu32' : 'alu64';
}

function simdClass(opcode: number): keyof InstructionCosts {
  if (opcode <= Op.V128_LOAD64_SPLAT) return 'load';
  if (opcode === Op.V128_STORE) return 'store';
  if (opcode === Op.V128_CONST) return 'constant';
  if (opcode >= Op.V128_LOAD8_LANE && opcode <= Op.V128_LOAD64_ZERO)
    return opcode >= Op.V128_STORE8_LANE && opcode <= Op.V128_STORE64_LANE ? 'store' : 'load';
  return 'simd';
}

/**
 * Adds exact metering to a module: the result computes the same, counts executed instructions and their cycles,
 * and traps once its budget is spent. It exports one more mutable i64 global, `meter`: see `setBudget`,
 * `readMeter` and `charge`.
 *
 * A segment (a straight run between control edges and calls) is charged whole, at its start. What the world can
 * see of a module is its calls to imports, so checking the budget at function entries, at loop headers and at
 * segments that end in a call out of the module is as good as checking before every instruction: it traps
 * (`unreachable`) before the segment in which the budget runs out takes effect. A run that spends its budget
 * after its last import call may still return: the host then finds `cyclesLeft` ≤ 0.
 *
 * The counter is exact inside imports, after an export has returned, after a trap of the meter itself and after
 * an `unreachable` of the module; after any other trap (a bad address, a division by zero) it is what it was at
 * the last call or entry of the functions on the stack. Other passes come after this one: what they insert is
 * not counted.
 *
 * @param costs cycles per instruction class.
 * @throws Error if the module is malformed, uses unsupported instructions or exports a `meter` of its own.
 */
export function meter(wasm: Uint8Array, costs: InstructionCosts): Uint8Array<ArrayBuffer> {
  const module = parseModule(wasm);
  if (module.exportNames.includes('meter'))
    throw new Error('the module already exports `meter`: is it metered already?');
  const blockTypes = new BlockTypes(module);
  const context = { costs: toSixteenths(costs), global: module.globalCount, module, blockTypes };
  const replaced = new Map<number, Uint8Array>();
  replaced.set(
    Section.CODE,
    rewriteCode(module, (body, out) => new FunctionMeter(context, body, out).rewrite()),
  );
  requireValid(wasm.slice());
  // Until the host sets a budget there is the largest one: a start function runs before any host code can.
  const global = new ByteWriter()
    .u8(ValueType.I64, 1, Op.I64_CONST)
    .signed(-(2n ** 63n))
    .u8(Op.END);
  replaced.set(Section.GLOBAL, appendItems(module, Section.GLOBAL, [global.bytes()]));
  const exported = new ByteWriter().name('meter').u8(3).u32(context.global);
  replaced.set(Section.EXPORT, appendItems(module, Section.EXPORT, [exported.bytes()]));
  if (blockTypes.added.length)
    replaced.set(Section.TYPE, appendItems(module, Section.TYPE, blockTypes.added));
  return encodeModule(module, replaced);
}

/** Block types for the results of functions; more than one result needs a type of its own. */
class BlockTypes {
  readonly added: Uint8Array[] = [];
  private readonly indices = new Map<string, number>();

  constructor(private readonly module: WasmModule) {}

  write(out: ByteWriter, results: number[]): void {
    if (results.length === 0) out.u8(EMPTY_BLOCK);
    else if (results.length === 1) out.u8(results[0]!);
    else out.signed(this.index(results));
  }

  private index(results: number[]): number {
    const key = results.join();
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const index = this.module.types.length + this.added.length;
    const type = new ByteWriter()
      .u8(0x60, 0)
      .u32(results.length)
      .u8(...results);
    this.added.push(type.bytes());
    this.indices.set(key, index);
    return index;
  }
}

interface MeterContext {
  costs: InstructionCosts;
  /** Index of the `meter` global. */
  global: number;
  module: WasmModule;
  blockTypes: BlockTypes;
}

class FunctionMeter {
  // The counter lives in a local: in a global it would cost several times as much.
  private readonly counter: number;
  private readonly length: number;
  private readonly flush: Uint8Array;
  private lengthUsed = false;
  // The open segment: its charge is known, and written before its bytes, when it closes.
  private segment = new ByteWriter();
  private instructions = 0;
  private cycles = 0;
  private checked = true;
  /** One frame per open block, the function's own first; `joined`: its end begins a new segment. */
  private readonly frames: { loop: boolean; joined: boolean }[] = [{ loop: false, joined: true }];

  constructor(
    private readonly context: MeterContext,
    private readonly body: FunctionBody,
    private readonly out: ByteWriter,
  ) {
    this.counter = body.localCount;
    this.length = body.localCount + 1;
    this.flush = new ByteWriter().op(Op.LOCAL_GET, this.counter).op(Op.GLOBAL_SET, context.global).bytes();
  }

  /** Writes the metered function and returns the locals it needs. */
  rewrite(): number[] {
    const { context, body, out } = this;
    this.reload(out);
    // A branch to the function's label lands at the end of this block, and so before the flush.
    out.u8(Op.BLOCK);
    context.blockTypes.write(out, body.type.results);
    for (const instruction of instructionsOf(context.module, body)) this.instruction(instruction);
    out.u8(Op.END).raw(this.flush).u8(Op.END);
    return this.lengthUsed ? [ValueType.I64, ValueType.I32] : [ValueType.I64];
  }

  private instruction(instruction: Instruction): void {
    const { frames, segment, context } = this;
    const { opcode, index } = instruction;
    const bytes = context.module.bytes.subarray(instruction.start, instruction.end);
    this.tally(opcode);
    switch (opcode) {
      case Op.BLOCK:
        frames.push({ loop: false, joined: false });
        segment.raw(bytes);
        break;
      case Op.LOOP:
        frames.push({ loop: true, joined: false });
        segment.raw(bytes);
        this.close(true);
        break;
      case Op.IF:
        frames.push({ loop: false, joined: true });
        segment.raw(bytes);
        this.close();
        break;
      case Op.ELSE:
        segment.raw(bytes);
        this.close();
        break;
      case Op.END: {
        const frame = frames.pop()!;
        if (frames.length > 0) segment.raw(bytes);
        if (frame.joined) this.close();
        break;
      }
      case Op.BR:
      case Op.BR_IF:
        this.join(index);
        segment.raw(bytes);
        this.close();
        break;
      case Op.BR_TABLE:
        for (const label of instruction.labels) this.join(label);
        segment.raw(bytes);
        this.close();
        break;
      case Op.RETURN:
        segment.op(Op.BR, frames.length - 1);
        this.close();
        break;
      case Op.UNREACHABLE:
        segment.raw(this.flush).raw(bytes);
        this.close();
        break;
      case Op.CALL:
      case Op.CALL_INDIRECT:
        // A function of this module checks the budget when entered; one outside it does not.
        if (opcode === Op.CALL_INDIRECT || index < context.module.importedFunctions) this.checked = true;
        segment.raw(this.flush).raw(bytes);
        this.reload(segment);
        this.close();
        break;
      case Op.MEMORY_COPY:
      case Op.MEMORY_FILL:
        this.chargeLength();
        segment.raw(bytes);
        break;
      default:
        segment.raw(bytes);
    }
  }

  private tally(opcode: number): void {
    const name = costClass(opcode);
    if (name === 'marker') return;
    this.instructions++;
    if (name !== 'free') this.cycles += this.context.costs[name];
  }

  /** Notes a branch to the end of a block; one to a loop goes to its header, where a segment begins anyway. */
  private join(label: number): void {
    const frame = this.frames[this.frames.length - 1 - label];
    if (!frame) throw new Error(`branch to unknown label ${label} in function ${this.body.index}`);
    if (!frame.loop) frame.joined = true;
  }

  /** Writes the open segment behind its charge, and opens the next. */
  private close(nextChecked = false): void {
    const { out, cycles, instructions } = this;
    if (cycles > maxCharge) throw new Error(`function ${this.body.index}: a segment costs too many cycles`);
    if (instructions > 0) {
      out.op(Op.LOCAL_GET, this.counter).u8(Op.I64_CONST);
      out.signed((BigInt(cycles) << cycleShift) + BigInt(instructions)).u8(Op.I64_ADD);
      if (this.checked) this.trapIfSpent(out);
      else out.op(Op.LOCAL_SET, this.counter);
    }
    out.raw(this.segment.bytes());
    this.segment = new ByteWriter();
    this.instructions = 0;
    this.cycles = 0;
    this.checked = nextChecked;
  }

  /** Takes the new count from the stack. */
  private trapIfSpent(out: ByteWriter): void {
    out.op(Op.LOCAL_TEE, this.counter).u8(Op.I64_CONST, 0, Op.I64_GE_S, Op.IF, EMPTY_BLOCK);
    out.raw(this.flush).u8(Op.UNREACHABLE, Op.END);
  }

  /** Charges for the length on top of the stack, and leaves it there. */
  private chargeLength(): void {
    const perByte = this.context.costs.bulkPerByte;
    if (perByte === 0) return;
    const { segment, length } = this;
    this.lengthUsed = true;
    // A length beyond any memory must not overflow the counter: min(length, longest).
    const longest = Math.floor(maxCharge / perByte);
    segment.op(Op.LOCAL_TEE, length).op(Op.LOCAL_GET, this.counter);
    segment.op(Op.LOCAL_GET, length).u8(Op.I32_CONST).signed(longest);
    segment.op(Op.LOCAL_GET, length).u8(Op.I32_CONST).signed(longest).u8(Op.I32_LT_U, Op.SELECT);
    segment.u8(Op.I64_EXTEND_I32_U, Op.I64_CONST).signed(BigInt(perByte) << cycleShift);
    segment.u8(Op.I64_MUL, Op.I64_ADD);
    this.trapIfSpent(segment);
  }

  private reload(out: ByteWriter): void {
    out.op(Op.GLOBAL_GET, this.context.global).op(Op.LOCAL_SET, this.counter);
  }
}

/** The `meter` export of a metered instance: a `WebAssembly.Global`, or anything with a bigint value. */
export interface MeterGlobal {
  value: bigint;
}

// One i64 seen as two halves: cheaper than shifting BigInts at every import call. WASM hosts are little-endian.
const cell = new BigInt64Array(1);
const halves = new Int32Array(cell.buffer);

/**
 * Grants a budget and sets the instruction count to zero. With n cycles the module traps, at the latest before
 * its next import call, once it has spent n or more.
 * @param cycles from 0 to `MAX_BUDGET_CYCLES`; rounded down to a sixteenth.
 */
export function setBudget(global: MeterGlobal, cycles: number): void {
  if (!(cycles >= 0 && cycles <= MAX_BUDGET_CYCLES))
    throw new RangeError(`a budget of ${cycles} cycles; expected 0 to ${MAX_BUDGET_CYCLES}`);
  halves[0] = 0;
  halves[1] = -Math.floor(cycles * 16);
  global.value = cell[0]!;
}

/**
 * Reads the counter. `cyclesLeft` ≤ 0: the budget is spent, and overshot by the rest of the segments charged
 * since. `instructions`: executed since `setBudget` (exact up to 2³²), whole segments at a time.
 */
export function readMeter(global: MeterGlobal): { cyclesLeft: number; instructions: number } {
  cell[0] = global.value;
  return { cyclesLeft: -halves[1]! / 16 + 0, instructions: halves[0]! >>> 0 };
}

/**
 * Charges cycles that the host knows of (an NVM access, an accelerator), from within an import.
 * @param cycles not negative; rounded to the nearest sixteenth.
 * @returns true if the budget is spent. The caller may throw; if it returns, the module traps by itself before
 *   its next import call.
 */
export function charge(global: MeterGlobal, cycles: number): boolean {
  cell[0] = global.value;
  const spent = Math.min(halves[1]! + Math.round(cycles * 16), maxCharge);
  halves[1] = spent;
  global.value = cell[0]!;
  return spent >= 0;
}
