// A WASM→WASM pass for builds that have NVM in their own memory: every access to it is told to the host, which else sees none.
import { AddedLocals, loadOf, storeOf } from './memory-access.js';
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
import { ByteReader, ByteWriter, EMPTY_BLOCK, Op, Section, ValueType } from './wasm-bytes.js';

const pageBytes = 0x10000;
const { I32, V128 } = ValueType;
const I32_ADD = 0x6a;
const FUNCTION = 0;

/** The imports that are added, in the order of their indices: `watch.read` and `watch.wrote`, of an address and a length. */
const READ = 0;
const WROTE = 1;
const WATCHERS = ['read', 'wrote'];

/** Addresses of the module's memory that are watched. */
export interface Watched {
  /** Loads from here on are told. */
  readsFrom: number;
  /** Stores from here on are told. */
  writesFrom: number;
  /** The first byte that is not watched any more. */
  to: number;
}

/**
 * A module with more memory behind its own: `pages` of 64 KiB.
 *
 * @throws Error if the module is malformed or does not define exactly one memory.
 */
export function widenMemory(wasm: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  const module = parseModule(wasm);
  const all = memoryPages(module) + pages;
  return encodeModule(
    module,
    new Map([[Section.MEMORY, new ByteWriter().u8(1, 1).u32(all).u32(all).bytes()]]),
  );
}

/**
 * Bytes of the memory that a module declares.
 *
 * @throws Error if the module is malformed or does not define exactly one memory.
 */
export const memoryBytes = (wasm: Uint8Array): number => memoryPages(parseModule(wasm)) * pageBytes;

function memoryPages({ memories }: WasmModule): number {
  const [memory] = memories;
  if (!memory || memory.imported || memories.length > 1)
    throw new Error('expected a module that defines its memory, and only one');
  return memory.initial;
}

/**
 * A build that calls `watch.read(address, length)` before a load that touches watched bytes, and `watch.wrote(address, length)`
 * after such a store. `memory.copy` and `memory.fill` are told wherever they read and write, and however little.
 *
 * @throws Error if the module is malformed.
 */
export function watchMapped(wasm: Uint8Array, watched: Watched): Uint8Array<ArrayBuffer> {
  const module = parseModule(wasm);
  requireValid(wasm.slice());
  const code = rewriteCode(module, (body, out) => new Watcher(module, body, out, watched).rewrite());
  const type = new ByteWriter().u8(0x60, 2, I32, I32, 0).bytes();
  const imports = WATCHERS.map((name) =>
    new ByteWriter().raw(text('watch')).raw(text(name)).u8(FUNCTION).u32(module.types.length).bytes(),
  );
  return encodeModule(
    module,
    new Map([
      [Section.TYPE, appendItems(module, Section.TYPE, [type])],
      [Section.IMPORT, appendItems(module, Section.IMPORT, imports)],
      [Section.EXPORT, exportsMoved(module)],
      [Section.CODE, code],
    ]),
  );
}

const text = (name: string): Uint8Array => {
  const bytes = new TextEncoder().encode(name);
  return new ByteWriter().u32(bytes.length).raw(bytes).bytes();
};

/** The index of a function behind the imports that are added. */
const moved = ({ importedFunctions }: WasmModule, index: number): number =>
  index < importedFunctions ? index : index + WATCHERS.length;

/** The exports, of functions by their new indices. */
function exportsMoved(module: WasmModule): Uint8Array {
  const section = module.sections.find(({ id }) => id === Section.EXPORT);
  const out = new ByteWriter().u32(module.exportNames.length);
  if (!section) return out.bytes();
  const reader = new ByteReader(module.bytes, section.start, section.end);
  for (let count = reader.u32(); count > 0; count--) {
    const name = reader.name();
    const kind = reader.u8();
    const index = reader.u32();
    out
      .raw(text(name))
      .u8(kind)
      .u32(kind === FUNCTION ? moved(module, index) : index);
  }
  return out.bytes();
}

/** Rewrites one function so that it tells of its accesses. */
class Watcher {
  private readonly locals: AddedLocals;

  constructor(
    private readonly module: WasmModule,
    private readonly body: FunctionBody,
    private readonly out: ByteWriter,
    private readonly watched: Watched,
  ) {
    this.locals = new AddedLocals(body);
  }

  rewrite(): number[] {
    for (const instruction of instructionsOf(this.module, this.body)) {
      const { opcode } = instruction;
      const loads = loadOf(opcode);
      const stored = storeOf(opcode);
      if (opcode === Op.CALL) this.out.op(Op.CALL, moved(this.module, instruction.index));
      else if (loads) this.load(instruction, loads);
      else if (opcode >= Op.V128_LOAD8_LANE && opcode < Op.V128_STORE8_LANE)
        this.laneLoad(instruction, 1 << (opcode - Op.V128_LOAD8_LANE));
      else if (stored) this.store(instruction, ...stored);
      else if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) this.bulk(instruction);
      else this.asItIs(instruction);
    }
    return this.locals.types;
  }

  private asItIs({ start, end }: Instruction): void {
    this.out.raw(this.module.bytes.subarray(start, end));
  }

  private tell(watcher: number): void {
    this.out.op(Op.CALL, this.module.importedFunctions + watcher);
  }

  /** Tells of `size` bytes at `address` + the offset if they touch [from, to). */
  private tellIf(watcher: number, address: number, size: number, memoryOffset: number, from: number): void {
    const { out } = this;
    const first = from - size + 1;
    out
      .op(Op.LOCAL_GET, address)
      .u8(Op.I32_CONST)
      .signed((memoryOffset - first) | 0);
    out.u8(I32_ADD, Op.I32_CONST).signed((this.watched.to - first) | 0);
    out.u8(Op.I32_LT_U, Op.IF, EMPTY_BLOCK);
    out
      .op(Op.LOCAL_GET, address)
      .u8(Op.I32_CONST)
      .signed(memoryOffset | 0)
      .u8(I32_ADD);
    out.u8(Op.I32_CONST).signed(size);
    this.tell(watcher);
    out.u8(Op.END);
  }

  /** Expects the address on the stack. */
  private load(instruction: Instruction, size: number): void {
    const address = this.locals.temporary('address', I32);
    this.out.op(Op.LOCAL_SET, address);
    this.tellIf(READ, address, size, instruction.memoryOffset, this.watched.readsFrom);
    this.out.op(Op.LOCAL_GET, address);
    this.asItIs(instruction);
  }

  /** Expects the address and the vector on the stack. */
  private laneLoad(instruction: Instruction, size: number): void {
    const value = this.locals.temporary('value', V128);
    const address = this.locals.temporary('address', I32);
    this.out.op(Op.LOCAL_SET, value).op(Op.LOCAL_SET, address);
    this.tellIf(READ, address, size, instruction.memoryOffset, this.watched.readsFrom);
    this.out.op(Op.LOCAL_GET, address).op(Op.LOCAL_GET, value);
    this.asItIs(instruction);
  }

  /** Expects address and value on the stack. */
  private store(instruction: Instruction, size: number, type: number): void {
    const value = this.locals.temporary('value', type);
    const address = this.locals.temporary('address', I32);
    this.out.op(Op.LOCAL_SET, value).op(Op.LOCAL_TEE, address).op(Op.LOCAL_GET, value);
    this.asItIs(instruction);
    this.tellIf(WROTE, address, size, instruction.memoryOffset, this.watched.writesFrom);
  }

  /** Expects destination, source or byte, and length on the stack. */
  private bulk(instruction: Instruction): void {
    const { out } = this;
    const destination = this.locals.temporary('address', I32);
    const middle = this.locals.temporary('middle', I32);
    const length = this.locals.temporary('length', I32);
    out.op(Op.LOCAL_SET, length).op(Op.LOCAL_SET, middle).op(Op.LOCAL_SET, destination);
    if (instruction.opcode === Op.MEMORY_COPY) {
      out.op(Op.LOCAL_GET, middle).op(Op.LOCAL_GET, length);
      this.tell(READ);
    }
    out.op(Op.LOCAL_GET, destination).op(Op.LOCAL_GET, middle).op(Op.LOCAL_GET, length);
    this.asItIs(instruction);
    out.op(Op.LOCAL_GET, destination).op(Op.LOCAL_GET, length);
    this.tell(WROTE);
  }
}
