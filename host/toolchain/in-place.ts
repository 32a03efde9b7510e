import { AddedLocals, storeOf } from './memory-access.js';
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

export interface InPlaceOptions {
  /** Size of the NVM that is mapped behind the module's own memory; rounded up to whole 64-KiB pages. */
  nvmBytes: number;
  /** Whether a store into NVM traps (default true). Without it, such a store goes through silently. */
  trapStores?: boolean;
}

/**
 * The address at which `mapInPlace` puts NVM: the size of the memory that the (unmapped) module declares.
 * @throws Error if the module does not define exactly one memory.
 */
export function inPlaceAddress(wasm: Uint8Array): number {
  return ownPages(parseModule(wasm)) * pageBytes;
}

/**
 * A build whose memory goes on behind the module's own with NVM, as on devices with memory-mapped FRAM, MRAM or
 * flash: so `nvm.view` can return the address of the bytes themselves. NVM begins at `inPlaceAddress(wasm)`.
 *
 * Loads reach NVM; with `trapStores`, a store (of any type and width, a SIMD lane, or the destination of
 * memory.fill and memory.copy) that touches it traps before it changes anything: just where it would have
 * trapped without NVM behind it. memory.size still answers the module's own pages; memory.grow finds no room.
 *
 * To have both, meter first: `mapInPlace(meter(wasm, costs), options)`. Then counts are those of the original
 * module; the other way round the checks inserted here would be charged too.
 *
 * @throws Error if the module is malformed, does not define exactly one memory, or would exceed 4 GiB.
 */
export function mapInPlace(wasm: Uint8Array, options: InPlaceOptions): Uint8Array<ArrayBuffer> {
  const { nvmBytes, trapStores = true } = options;
  if (!Number.isSafeInteger(nvmBytes) || nvmBytes < 0)
    throw new RangeError(`nvmBytes is ${nvmBytes}; expected a whole number ≥ 0`);
  const module = parseModule(wasm);
  const own = ownPages(module);
  const pages = own + Math.ceil(nvmBytes / pageBytes);
  if (pages > 0x10000)
    throw new RangeError(`${pages} pages of memory and NVM; a WASM address space has 65536`);
  const code = rewriteCode(module, (body, out) =>
    new StoreGuard(module, body, out, own, trapStores).rewrite(),
  );
  requireValid(wasm.slice());
  const memory = new ByteWriter().u8(1, 1).u32(pages).u32(pages);
  return encodeModule(
    module,
    new Map([
      [Section.MEMORY, memory.bytes()],
      [Section.CODE, code],
    ]),
  );
}

function ownPages(module: WasmModule): number {
  const [memory] = module.memories;
  if (!memory || memory.imported || module.memories.length > 1)
    throw new Error('expected a module that defines its memory, and only one');
  return memory.initial;
}

const { I32 } = ValueType;

/** Rewrites one function so that its stores stay below the limit. */
class StoreGuard {
  private readonly limit: number;
  private readonly locals: AddedLocals;

  constructor(
    private readonly module: WasmModule,
    private readonly body: FunctionBody,
    private readonly out: ByteWriter,
    private readonly pages: number,
    private readonly trapStores: boolean,
  ) {
    this.limit = pages * pageBytes;
    this.locals = new AddedLocals(body);
  }

  rewrite(): number[] {
    for (const instruction of instructionsOf(this.module, this.body)) {
      const { opcode } = instruction;
      const store = storeOf(opcode);
      if (opcode === Op.MEMORY_SIZE) {
        this.out.u8(Op.I32_CONST).signed(this.pages);
        continue;
      }
      if (this.trapStores && store) this.guardStore(instruction, ...store);
      else if (this.trapStores && (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL)) this.guardBulk();
      this.out.raw(this.module.bytes.subarray(instruction.start, instruction.end));
    }
    return this.locals.types;
  }

  /** Expects address and value on the stack, and leaves them. */
  private guardStore({ memoryOffset }: Instruction, size: number, type: number): void {
    const { out } = this;
    const highest = this.limit - size - memoryOffset;
    if (highest < 0) {
      // No address is low enough. Whatever follows is unreachable, so the stack needs no repair.
      out.u8(Op.UNREACHABLE);
      return;
    }
    const value = this.locals.temporary('value', type);
    const address = this.locals.temporary('address', I32);
    // Comparing with a constant computed here instead of adding to the address: no overflow to mind.
    out.op(Op.LOCAL_SET, value).op(Op.LOCAL_TEE, address);
    out
      .op(Op.LOCAL_GET, address)
      .u8(Op.I32_CONST)
      .signed(highest | 0);
    out.u8(Op.I32_GT_U, Op.IF, EMPTY_BLOCK, Op.UNREACHABLE, Op.END);
    out.op(Op.LOCAL_GET, value);
  }

  /** Expects destination, source or byte, and length on the stack, and leaves them. */
  private guardBulk(): void {
    const { out } = this;
    const destination = this.locals.temporary('address', I32);
    const middle = this.locals.temporary('value', I32);
    const length = this.locals.temporary('length', I32);
    out.op(Op.LOCAL_SET, length).op(Op.LOCAL_SET, middle).op(Op.LOCAL_TEE, destination);
    out.op(Op.LOCAL_GET, destination).u8(Op.I64_EXTEND_I32_U);
    out.op(Op.LOCAL_GET, length).u8(Op.I64_EXTEND_I32_U, Op.I64_ADD, Op.I64_CONST).signed(this.limit);
    out.u8(Op.I64_GT_U, Op.IF, EMPTY_BLOCK, Op.UNREACHABLE, Op.END);
    out.op(Op.LOCAL_GET, middle).op(Op.LOCAL_GET, length);
  }
}
