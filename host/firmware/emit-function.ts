// One WASM function as one C function. Expressions fold as far as nothing they depend on changes; blocks become
// labels, loops `for` and `while`. Whatever is left over is the C compiler's work.
import { ByteReader, hex, Op, ValueType } from '../toolchain/wasm-bytes.js';
import {
  type FunctionBody,
  type Instruction,
  instructionsOf,
  localTypesOf,
} from '../toolchain/wasm-binary.js';
import {
  atom,
  choose,
  condition,
  constantValue,
  cType,
  isFar,
  load,
  numeric,
  opaque,
  plain,
  store,
  fitted,
  type Value,
} from './expression.js';
import { type EmitContext, isGivenWide, narrowPlace, requireInteger, signature } from './emit-types.js';
import type { Narrow } from './widths/widths.js';

interface Frame {
  kind: 'function' | 'block' | 'loop' | 'if';
  label: string;
  results: number[];
  /** Variables that take the results. */
  resultNames: string[];
  height: number;
  /** Somebody jumps to the label. */
  used: boolean;
  /** Unreachable since the last branch that is always taken. */
  dead: boolean;
  /** Whether the end can be reached by then. */
  thenAlive: boolean;
  /** Line at which a loop's body begins. */
  start: number;
  /** `continue`s in it. */
  continues: number;
}

/** Longer expressions get a name. */
const MOST_CHARACTERS = 90;
const NAMES_A_LINE = 10;

const { I32, I64 } = ValueType;

class FunctionEmitter {
  /** i64 locals that were given something else than sign-extended i32s. */
  readonly wideLocals: Set<number>;
  #lines: string[] = [];
  #depth = 1;
  readonly #stack: Value[] = [];
  readonly #frames: Frame[] = [];
  readonly #types: number[];
  #names = 0;
  /** Blocks opened inside code that is never reached. */
  #skipped = 0;

  constructor(
    private readonly context: EmitContext,
    private readonly body: FunctionBody,
    wideLocals: ReadonlySet<number>,
  ) {
    this.wideLocals = new Set(wideLocals);
    this.#types = localTypesOf(context.module, body);
    for (const type of [...body.type.params, ...body.type.results, ...this.#types]) requireInteger(type);
    if (body.type.results.length > 1) throw new Error('unsupported: a function of several results');
  }

  emit(): string[] {
    const { context, body } = this;
    this.#push('function', body.type.results, []);
    for (const instruction of instructionsOf(context.module, body)) this.#instruction(instruction);
    const lines = [...this.#unusedParameters(), ...this.#lines];
    return [`${signature(context, body.index)} {`, ...this.#given(), ...this.#declarations(), ...lines, '}'];
  }

  /** Parameters that are kept in 16 bits. */
  #given(): string[] {
    const { index, type } = this.body;
    return type.params.flatMap((_, i) => {
      const kind = this.#narrow(i);
      return kind && isGivenWide(this.context, index, i) ? [`  ${kind} l${i} = (${kind})p${i};`] : [];
    });
  }

  /** Locals that the code names: of others a compiler would warn. */
  #used(): Set<string> {
    return new Set(this.#lines.join('\n').match(/\bl\d+\b/g));
  }

  #unusedParameters(): string[] {
    const used = this.#used();
    const unused = this.body.type.params.map((_, i) => `l${i}`).filter((local) => !used.has(local));
    return unused.map((local) => `  (void)${local};`);
  }

  #declarations(): string[] {
    const params = this.body.type.params.length;
    const used = this.#used();
    const typeOf = (i: number): string => this.#narrow(i) ?? cType(this.#types[i]!);
    return [cType(I32), 'uint16_t', 'int16_t', cType(I64)].flatMap((type) => {
      const own = this.#types.flatMap((_, i) => (i >= params && typeOf(i) === type ? [`l${i}`] : []));
      const names = own.filter((name) => used.has(name)).map((name) => `${name} = 0`);
      const rows = Math.ceil(names.length / NAMES_A_LINE);
      return Array.from({ length: rows }, (_, row) => {
        return `  ${type} ${names.slice(row * NAMES_A_LINE, (row + 1) * NAMES_A_LINE).join(', ')};`;
      });
    });
  }

  /** How a local of 32 bits is kept in 16. */
  #narrow(local: number): Narrow | undefined {
    if (local >= 0 && this.#types[local] !== I32) return undefined;
    return this.context.widths?.local(this.body.index, local);
  }

  #line(text: string): void {
    this.#lines.push('  '.repeat(this.#depth) + text);
  }

  #fresh(letter: string): string {
    return `${letter}${this.#names++}`;
  }

  get #frame(): Frame {
    return this.#frames.at(-1)!;
  }

  #push(kind: Frame['kind'], results: number[], resultNames: string[]): void {
    const label = kind === 'function' ? '' : this.#fresh(kind === 'loop' ? 'L' : 'B');
    const state = { used: false, dead: false, thenAlive: false, continues: 0 };
    const place = { height: this.#stack.length, start: this.#lines.length };
    this.#frames.push({ kind, label, results, resultNames, ...state, ...place });
  }

  #pop(): Value {
    const value = this.#stack.pop();
    if (!value) throw new Error(`function ${this.body.index}: the stack is empty`);
    return value;
  }

  /** Gives a value a name now; its dependences end here. */
  #name(value: Value): Value {
    const name = this.#fresh('t');
    this.#line(`const ${cType(value.type)} ${name} = ${plain(value).text};`);
    const narrow = value.narrow === undefined ? undefined : `(int32_t)${name}`;
    return atom(name, value.type, { narrow });
  }

  /** Names every pending value that `test` picks, before something changes what it depends on. */
  #settle(test: (value: Value) => boolean): void {
    this.#stack.forEach((value, i) => {
      if (value.constant === undefined && test(value)) this.#stack[i] = this.#name(value);
    });
  }

  #settleFixed(): void {
    this.#settle(({ fixed }) => fixed);
  }

  #settleAll(): void {
    this.#settle(({ fixed, locals }) => fixed || locals.size > 0);
  }

  #add(value: Value): void {
    this.#stack.push(value.text.length > MOST_CHARACTERS ? this.#name(value) : value);
  }

  #local(index: number): Value {
    const type = this.#types[index]!;
    const kind = this.#narrow(index);
    if (kind) return fitted(atom(`l${index}`, type, { locals: new Set([index]) }), kind, true);
    const narrow = type === I64 && !this.wideLocals.has(index) ? `(int32_t)l${index}` : undefined;
    return atom(`l${index}`, type, { locals: new Set([index]), narrow });
  }

  #setLocal(index: number, value: Value): void {
    if (value.type === I64 && value.narrow === undefined) this.wideLocals.add(index);
    this.#settle(({ locals }) => locals.has(index));
    const text = plain(value).text;
    const kind = this.#narrow(index);
    if (kind) this.#line(`l${index} = (${kind})(${text});`);
    else this.#line(`l${index} = ${isFar(value) ? opaque(text) : text};`);
  }

  #instruction(instruction: Instruction): void {
    const { opcode } = instruction;
    const opens = opcode === Op.BLOCK || opcode === Op.LOOP || opcode === Op.IF;
    if (this.#skipped > 0 || this.#frame.dead) {
      if (opens) this.#skipped++;
      else if (opcode === Op.END && this.#skipped > 0) this.#skipped--;
      else if (this.#skipped === 0 && opcode === Op.END) this.#end();
      else if (this.#skipped === 0 && opcode === Op.ELSE) this.#else();
      return;
    }
    if (opens) this.#open(opcode, instruction);
    else if (opcode === Op.END) this.#end();
    else if (opcode === Op.ELSE) this.#else();
    else if (opcode >= Op.BR && opcode <= Op.RETURN) this.#branch(instruction);
    else this.#straight(instruction);
  }

  #open(opcode: number, { start }: Instruction): void {
    const { module } = this.context;
    const blockType = Number(new ByteReader(module.bytes, start + 1).signed());
    const type = blockType >= 0 ? module.types[blockType]! : undefined;
    if (type && type.params.length > 0) throw new Error('unsupported: a block of parameters');
    const results = type ? type.results : blockType === -64 ? [] : [blockType & 0x7f];
    const test = opcode === Op.IF ? this.#pop() : undefined;
    this.#settleAll();
    const names = results.map((result) => {
      requireInteger(result);
      const name = this.#fresh('r');
      this.#line(`${cType(result)} ${name};`);
      return name;
    });
    if (test) this.#line(`if (${condition(test)}) {`);
    this.#push(opcode === Op.BLOCK ? 'block' : opcode === Op.LOOP ? 'loop' : 'if', results, names);
    if (opcode !== Op.BLOCK) this.#depth++;
  }

  /** The end of a frame that is reached: its results go to their variables. */
  #deliver(frame: Frame): void {
    const values = this.#stack.splice(this.#stack.length - frame.results.length);
    frame.resultNames.forEach((name, i) => this.#line(`${name} = ${plain(values[i]!).text};`));
  }

  #else(): void {
    const frame = this.#frame;
    if (!frame.dead) this.#deliver(frame);
    frame.thenAlive = !frame.dead;
    frame.dead = false;
    this.#stack.length = frame.height;
    this.#lines.push(`${'  '.repeat(this.#depth - 1)}} else {`);
    frame.start = -1;
  }

  #end(): void {
    const frame = this.#frame;
    if (frame.kind === 'function') {
      const result = frame.results.length > 0 && !frame.dead ? this.#pop() : undefined;
      if (result) this.#line(this.#returned(result));
      return;
    }
    if (!frame.dead) this.#deliver(frame);
    this.#frames.pop();
    this.#stack.length = frame.height;
    let alive = !frame.dead;
    if (frame.kind === 'loop') this.#closeLoop(frame);
    else {
      if (frame.kind === 'if') {
        this.#depth--;
        this.#line('}');
        // Without an else, the condition may have been false.
        alive ||= frame.start >= 0 || frame.thenAlive;
      }
      if (frame.used) this.#lines.push(`${'  '.repeat(this.#depth - 1)}${frame.label}:;`);
      alive ||= frame.used;
    }
    this.#frame.dead = !alive;
    frame.resultNames.forEach((name, i) => this.#stack.push(atom(name, frame.results[i]!)));
  }

  /** Puts the head of a loop before its body, in the shape that reads best. */
  #closeLoop({ start, label, used, continues, dead }: Frame): void {
    this.#depth--;
    const outer = '  '.repeat(this.#depth);
    const body = this.#lines.splice(start);
    const continuing = `${outer}    continue;`;
    const isWhile =
      !used &&
      body.at(-1) === `${outer}  }` &&
      body.at(-2) === continuing &&
      body[0]!.startsWith(`${outer}  if (`) &&
      body.findIndex((line) => line === `${outer}  }` || line.startsWith(`${outer}  } else`)) ===
        body.length - 1;
    // A name given in the body is not known behind it.
    const tail = /^ *if \((?!.*\b[tr]\d)(.*)\) continue;$/.exec(body.at(-1) ?? '');
    if (isWhile) {
      this.#line(body[0]!.trim().replace(/^if/, 'while'));
      for (const line of body.slice(1, -2)) this.#lines.push(line.slice(2));
      this.#line('}');
    } else if (!used && continues === 1 && tail) {
      this.#lines.push(`${outer}do {`, ...body.slice(0, -1), `${outer}} while (${tail[1]});`);
    } else if (!used && continues === 0) {
      // Nobody goes back: no loop at all.
      for (const line of body) this.#lines.push(line.slice(2));
    } else {
      const head = [`${outer}for (;;) {`, ...(used ? [`${outer}${label}:;`] : [])];
      const last = body.at(-1) === `${outer}  continue;` ? body.slice(0, -1) : body;
      this.#lines.push(...head, ...last, ...(dead ? [] : [`${outer}  break;`]), `${outer}}`);
    }
  }

  /** Statements that jump to the label `depth` blocks out, the values it takes in their places. */
  #jump(depth: number): string[] {
    const frame = this.#frames[this.#frames.length - 1 - depth];
    if (!frame) throw new Error(`branch to unknown label ${depth} in function ${this.body.index}`);
    if (frame.kind === 'function') {
      return [frame.results.length > 0 ? this.#returned(this.#stack.at(-1)!) : 'return;'];
    }
    if (frame.kind === 'loop') {
      const inner = this.#frames.slice(this.#frames.length - depth).some(({ kind }) => kind === 'loop');
      if (!inner) {
        frame.continues++;
        return ['continue;'];
      }
      frame.used = true;
      return [`goto ${frame.label};`];
    }
    frame.used = true;
    const values = this.#stack.slice(this.#stack.length - frame.results.length);
    const moves = frame.resultNames.map((name, i) => `${name} = ${plain(values[i]!).text};`);
    return [...moves, `goto ${frame.label};`];
  }

  #returned(value: Value): string {
    const kind = narrowPlace(this.context, this.body.index, -1);
    return kind ? `return (${kind})(${plain(value).text});` : `return ${plain(value).text};`;
  }

  #branch({ opcode, index, labels }: Instruction): void {
    if (opcode === Op.BR_IF) {
      const test = this.#pop();
      this.#settleFixed();
      const [only, ...more] = this.#jump(index);
      if (more.length === 0) this.#line(`if (${condition(test)}) ${only}`);
      else this.#line(`if (${condition(test)}) { ${[only, ...more].join(' ')} }`);
      return;
    }
    if (opcode === Op.BR_TABLE) {
      const test = this.#pop();
      this.#settleFixed();
      this.#line(`switch (${condition(plain(test))}) {`);
      labels.forEach((label, i) => {
        const last = i === labels.length - 1;
        if (!last && label === labels.at(-1)) return;
        this.#line(`${last ? 'default' : `case ${i}`}: ${this.#jump(label).join(' ')}`);
      });
      this.#line('}');
    } else {
      for (const text of this.#jump(opcode === Op.RETURN ? this.#frames.length - 1 : index)) this.#line(text);
    }
    this.#frame.dead = true;
  }

  #straight(instruction: Instruction): void {
    const { opcode, index } = instruction;
    if (opcode === Op.NOP) return;
    if (opcode === Op.UNREACHABLE) this.#unreachable();
    else if (opcode === Op.DROP) {
      const value = this.#pop();
      // Also a name on its own: it may be the result of a call, which nothing else uses.
      if (value.constant === undefined) this.#line(`(void)(${plain(value).text});`);
    } else if (opcode === Op.SELECT) this.#select(instruction);
    else if (opcode === Op.LOCAL_GET) this.#add(this.#known(instruction, this.#local(index), true));
    else if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) {
      this.#setLocal(index, this.#pop());
      if (opcode === Op.LOCAL_TEE) this.#add(this.#known(instruction, this.#local(index), true));
    } else if (opcode === Op.GLOBAL_GET) this.#globalGet(index);
    else if (opcode === Op.GLOBAL_SET) {
      const value = this.#pop();
      this.#settleFixed();
      this.#line(`${this.context.globals[index]!.name} = ${plain(value).text};`);
    } else if (opcode === Op.CALL) this.#call(instruction);
    else if (!this.#memory(instruction)) this.#number(instruction);
  }

  #unreachable(): void {
    this.#line('brownout_trap();');
    this.#line(this.body.type.results.length > 0 ? 'return 0;' : 'return;');
    this.#frame.dead = true;
  }

  /** C computes one of the two only; what may trap is computed before, as WASM does. */
  /** The value of an instruction as far as it is known: its only one, or in 16 bits. */
  #known({ opcode, start }: Instruction, value: Value, isLocal = false): Value {
    const { widths } = this.context;
    if (!widths || value.type !== I32 || value.constant !== undefined) return value;
    const constant = widths.constant(start);
    // What may trap is computed nevertheless; a load whose value is known does not.
    if (constant !== undefined && (!value.fixed || isLoad(opcode)))
      return constantValue(I32, BigInt(constant | 0));
    const kind = isLocal || value.flag ? undefined : widths.result(start);
    return kind ? fitted(value, kind) : value;
  }

  #select(instruction: Instruction): void {
    const test = this.#pop();
    const [b, a] = [this.#pop(), this.#pop()];
    const ready = (value: Value): Value => (value.fixed ? this.#name(value) : value);
    this.#add(this.#known(instruction, choose(test, ready(a), ready(b))));
  }

  #globalGet(index: number): void {
    const { name, type, mutable, value } = this.context.globals[index]!;
    this.#add(mutable ? atom(name, type, { fixed: true }) : constantValue(type, value));
  }

  #call({ index, start }: Instruction): void {
    const { functions, widths, module } = this.context;
    const { name, type } = functions[index]!;
    const values = type.params.map(() => this.#pop()).reverse();
    this.#settleFixed();
    const isOwn = index >= module.importedFunctions;
    const given = values.map((value, i) => {
      const kind = isOwn ? narrowPlace(this.context, index, i) : undefined;
      return kind ? `(${kind})(${plain(value).text})` : plain(value).text;
    });
    const call = `${name}(${given.join(', ')})`;
    const result = type.results[0];
    const constant = result === I32 ? widths?.constant(start) : undefined;
    if (result === undefined || constant !== undefined) this.#line(`${call};`);
    if (constant !== undefined) this.#add(constantValue(I32, BigInt(constant | 0)));
    else if (result !== undefined) {
      const variable = this.#fresh('t');
      const kind = isOwn ? narrowPlace(this.context, index, -1) : undefined;
      const made = kind ? fitted(atom(call, result), kind, true).text : call;
      this.#line(`const ${cType(result)} ${variable} = ${made};`);
      this.#add(atom(variable, result));
    }
  }

  /** memory.size, copy, fill and stores; false for anything else. */
  #memory({ opcode, start, memoryOffset }: Instruction): boolean {
    if (opcode === Op.MEMORY_SIZE) this.#add(constantValue(I32, BigInt(this.context.pages)));
    else if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) {
      const [length, middle, to] = [this.#pop(), this.#pop(), this.#pop()].map((value) => plain(value).text);
      this.#settleFixed();
      this.#line(`memory_${opcode === Op.MEMORY_COPY ? 'copy' : 'fill'}(${to}, ${middle}, ${length});`);
    } else if (opcode >= Op.I32_STORE && opcode <= Op.I64_STORE32) {
      const [value, address] = [this.#pop(), this.#pop()];
      const text = store(opcode, address, value, memoryOffset, this.#immediate(start).u32());
      if (text === undefined) throw unsupported(opcode, start);
      this.#settleFixed();
      this.#line(text);
    } else return false;
    return true;
  }

  #number(instruction: Instruction): void {
    const { opcode, start, memoryOffset } = instruction;
    const isConstant = opcode === Op.I32_CONST || opcode === Op.I64_CONST;
    const value = isConstant
      ? constantValue(opcode === Op.I32_CONST ? I32 : I64, this.#immediate(start).signed())
      : isLoad(opcode)
        ? load(opcode, this.#pop(), memoryOffset, this.#immediate(start).u32())
        : numeric(opcode, () => this.#pop());
    if (!value) throw unsupported(opcode, start);
    this.#add(this.#known(instruction, value));
  }

  /** What follows an opcode of one byte. */
  #immediate(start: number): ByteReader {
    return new ByteReader(this.context.module.bytes, start + 1);
  }
}

const isLoad = (opcode: number): boolean => opcode >= Op.I32_LOAD && opcode <= Op.I64_LOAD32_U;

function unsupported(opcode: number, offset: number): Error {
  return new Error(`unsupported in C: opcode ${hex(opcode)} at offset ${offset}; integers only`);
}

/** The lines of the C function of `body`. Throws an Error that names what C of integers cannot say. */
export function emitFunction(context: EmitContext, body: FunctionBody): string[] {
  // Which locals hold sign-extended i32s only shows at the end: assume all, and go again where that was wrong.
  const params = new Set(body.type.params.keys());
  for (let wide: ReadonlySet<number> = params; ;) {
    const emitter = new FunctionEmitter(context, body, wide);
    const lines = emitter.emit();
    if (emitter.wideLocals.size === wide.size) return lines;
    wide = emitter.wideLocals;
  }
}
