import { AddedLocals, loadOf, storeOf } from './memory-access.js';
import { ByteWriter, EMPTY_BLOCK, Op, Section, ValueType } from './wasm-bytes.js';
import {
  encodeModule,
  type FunctionBody,
  type Instruction,
  instructionsOf,
  parseModule,
  requireValid,
  rewriteCode,
  type WasmModule,
} from './wasm-binary.js';

const pageBytes = 0x10000;
const { I32, V128 } = ValueType;
const I32_LOAD8_U = 0x2d;
const I32_LOAD16_U = 0x2f;
const I64_LOAD = 0x29;
const I64_STORE = 0x37;
const I32_STORE8 = 0x3a;
const I32_STORE16 = 0x3b;
const I64_NE = 0x52;
const I64_OR = 0x84;
const I64_LT_S = 0x53;
const I64_GT_S = 0x55;
const I32_AND = 0x71;
const I32_OR = 0x72;
const I32_ADD = 0x6a;

/** A build of a module that traps when it uses a byte of its memory that nobody has written. */
export interface Shadowed {
  wasm: Uint8Array<ArrayBuffer>;
  /** Where the shadow of address 0 lies: a byte there is 0 if the byte it stands for holds a known value. */
  shadowAt: number;
  /** Where a trap leaves the address of the byte used unwritten, or written beyond the fence, plus 1; 0: the trap is another. */
  faultAt: number;
}

/** Where a module may store: up to the fence, or in the room. */
export interface Stores {
  fence: number;
  room?: readonly [from: number, to: number] | undefined;
}

/**
 * Gives every byte of memory a shadow byte behind the module's own pages. A store marks the bytes it writes as known, a
 * load of any other traps; memory.copy copies the shadow along. Whoever writes into memory from outside marks it too.
 * Memory begins all known: fill the shadow where it is not. A store traps, too, but where `stores`
 * says.
 *
 * @throws Error if the module is malformed or does not define exactly one memory.
 */
export function shadowReads(wasm: Uint8Array, stores: Stores = { fence: Infinity }): Shadowed {
  const module = parseModule(wasm);
  const [memory] = module.memories;
  if (!memory || memory.imported || module.memories.length > 1)
    throw new Error('expected a module that defines its memory, and only one');
  const own = memory.initial;
  const shadowAt = own * pageBytes;
  const code = rewriteCode(module, (body, out) =>
    new ReadGuard(module, body, out, shadowAt, {
      ...stores,
      fence: Math.min(stores.fence, shadowAt),
    }).rewrite(),
  );
  requireValid(wasm.slice());
  const pages = 2 * own + 1;
  const section = new ByteWriter().u8(1, 1).u32(pages).u32(pages);
  const shadowed = encodeModule(
    module,
    new Map([
      [Section.MEMORY, section.bytes()],
      [Section.CODE, code],
    ]),
  );
  return { wasm: shadowed, shadowAt, faultAt: 2 * shadowAt };
}

/** Rewrites one function so that its loads look at the shadow and its stores write it. */
class ReadGuard {
  private readonly locals: AddedLocals;

  constructor(
    private readonly module: WasmModule,
    private readonly body: FunctionBody,
    private readonly out: ByteWriter,
    private readonly shadowAt: number,
    private readonly stores: Stores,
  ) {
    this.locals = new AddedLocals(body);
  }

  rewrite(): number[] {
    for (const instruction of instructionsOf(this.module, this.body)) {
      const { opcode } = instruction;
      if (opcode === Op.MEMORY_SIZE) {
        this.out.u8(Op.I32_CONST).signed(this.shadowAt / pageBytes);
        continue;
      }
      const loads = loadOf(opcode);
      const stored = storeOf(opcode);
      if (loads) this.guardLoad(instruction, loads);
      else if (opcode >= Op.V128_LOAD8_LANE && opcode < Op.V128_STORE8_LANE)
        this.guardLaneLoad(instruction, 1 << (opcode - Op.V128_LOAD8_LANE));
      else if (stored) this.markStore(instruction, ...stored);
      else if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) this.markBulk(opcode);
      this.out.raw(this.module.bytes.subarray(instruction.start, instruction.end));
    }
    return this.locals.types;
  }

  private memory(opcode: number, offset: number): void {
    this.out.u8(opcode, 0).u32(offset);
  }

  /** Leaves nothing on the stack; traps if a byte at `address` + the instruction's offset is unknown. */
  private check(address: number, size: number, memoryOffset: number): void {
    const { out } = this;
    const at = memoryOffset + this.shadowAt;
    out.op(Op.LOCAL_GET, address);
    if (size <= 4) this.memory(size === 1 ? I32_LOAD8_U : size === 2 ? I32_LOAD16_U : Op.I32_LOAD, at);
    else {
      this.memory(I64_LOAD, at);
      if (size === 16) {
        out.op(Op.LOCAL_GET, address);
        this.memory(I64_LOAD, at + 8);
        out.u8(I64_OR);
      }
      out.u8(Op.I64_CONST).signed(0);
      out.u8(I64_NE);
    }
    this.trapIf(address, memoryOffset);
  }

  /** Expects a condition on the stack; where it holds, leaves the address and traps. */
  private trapIf(address: number, memoryOffset: number): void {
    const { out } = this;
    out.u8(Op.IF, EMPTY_BLOCK);
    out.u8(Op.I32_CONST).signed(0);
    out
      .op(Op.LOCAL_GET, address)
      .u8(Op.I32_CONST)
      .signed(memoryOffset + 1)
      .u8(I32_ADD);
    this.memory(Op.I32_STORE, 2 * this.shadowAt);
    out.u8(Op.UNREACHABLE, Op.END);
  }

  /** Traps unless the bytes from `address` + the offset on, `size` or as many as a local says, lie where stores may go. */
  private keepInside(address: number, size: number, memoryOffset: number, length?: number): void {
    const { out } = this;
    const { fence, room } = this.stores;
    const start = (): ByteWriter => out.op(Op.LOCAL_GET, address).u8(Op.I64_EXTEND_I32_U);
    const end = (): void => {
      start();
      if (length !== undefined) out.op(Op.LOCAL_GET, length).u8(Op.I64_EXTEND_I32_U, Op.I64_ADD);
    };
    end();
    out.u8(Op.I64_CONST).signed(fence - size - memoryOffset);
    out.u8(I64_GT_S);
    if (room) {
      start()
        .u8(Op.I64_CONST)
        .signed(room[0] - memoryOffset);
      out.u8(I64_LT_S);
      end();
      out.u8(Op.I64_CONST).signed(room[1] - size - memoryOffset);
      out.u8(I64_GT_S, I32_OR, I32_AND);
    }
    this.trapIf(address, memoryOffset);
  }

  /** Expects the address on the stack, and leaves it. */
  private guardLoad({ memoryOffset }: Instruction, size: number): void {
    const address = this.locals.temporary('address', I32);
    this.out.op(Op.LOCAL_TEE, address);
    this.check(address, size, memoryOffset);
  }

  /** Expects the address and the vector on the stack, and leaves them. */
  private guardLaneLoad({ memoryOffset }: Instruction, size: number): void {
    const address = this.locals.temporary('address', I32);
    const value = this.locals.temporary('value', V128);
    this.out.op(Op.LOCAL_SET, value).op(Op.LOCAL_TEE, address);
    this.check(address, size, memoryOffset);
    this.out.op(Op.LOCAL_GET, value);
  }

  /** Expects address and value on the stack, and leaves them. */
  private markStore({ memoryOffset }: Instruction, size: number, type: number): void {
    const { out } = this;
    const value = this.locals.temporary('value', type);
    const address = this.locals.temporary('address', I32);
    const at = memoryOffset + this.shadowAt;
    out.op(Op.LOCAL_SET, value).op(Op.LOCAL_TEE, address);
    this.keepInside(address, size, memoryOffset);
    for (let done = 0; done < size; done += Math.min(size, 8)) {
      out.op(Op.LOCAL_GET, address).u8(size < 8 ? Op.I32_CONST : Op.I64_CONST);
      out.signed(0);
      const opcode =
        size >= 8 ? I64_STORE : size === 4 ? Op.I32_STORE : size === 2 ? I32_STORE16 : I32_STORE8;
      this.memory(opcode, at + done);
    }
    out.op(Op.LOCAL_GET, value);
  }

  /** Expects destination, source or byte, and length on the stack, and leaves them. */
  private markBulk(opcode: number): void {
    const { out } = this;
    const destination = this.locals.temporary('address', I32);
    const middle = this.locals.temporary('value', I32);
    const length = this.locals.temporary('length', I32);
    const shadow = (local: number): ByteWriter =>
      out.op(Op.LOCAL_GET, local).u8(Op.I32_CONST).signed(this.shadowAt).u8(I32_ADD);
    out.op(Op.LOCAL_SET, length).op(Op.LOCAL_SET, middle).op(Op.LOCAL_SET, destination);
    this.keepInside(destination, 0, 0, length);
    shadow(destination);
    if (opcode === Op.MEMORY_COPY) shadow(middle).op(Op.LOCAL_GET, length).u8(0xfc).u32(10).u8(0, 0);
    else out.u8(Op.I32_CONST).signed(0).op(Op.LOCAL_GET, length).u8(0xfc).u32(11).u8(0);
    out.op(Op.LOCAL_GET, destination).op(Op.LOCAL_GET, middle).op(Op.LOCAL_GET, length);
  }
}
