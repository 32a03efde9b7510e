// What ships is what the design says: the device builds' imports, exports, globals, memory, opcodes and size.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CURSOR_BYTES, STATIC_BYTES, STATIC_BYTES_CHECKED } from '../assembly/layout.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';
import { ByteReader, Op, Section } from '../host/toolchain/wasm-bytes.js';
import { decode, instructionsOf, parseModule } from '../host/toolchain/wasm-binary.js';

const BUILDS = ['device', 'digits', 'device.simd', 'device.checked'] as const satisfies ModuleName[];
const IMPORTS = ['image.view', 'nvm.sync', 'nvm.view', 'nvm.write', 'power.low'];
const FUNCTIONS = ['ack', 'boot', 'cancel', 'feed', 'label', 'run', 'status', 'submit', 'version'];
const DATA_SECTION = 11;

/** The payload of section `id`, past its item count. */
function items(bytes: Uint8Array, id: number): { reader: ByteReader; count: number } {
  const section = parseModule(bytes).sections.find((candidate) => candidate.id === id)!;
  const reader = new ByteReader(bytes, section.start, section.end);
  return { reader, count: reader.u32() };
}

/** Whether each global the module defines is mutable. */
function mutability(bytes: Uint8Array): boolean[] {
  const { reader, count } = items(bytes, Section.GLOBAL);
  return Array.from({ length: count }, () => {
    reader.u8();
    const mutable = reader.u8() === 1;
    for (const { opcode } of decode(reader)) if (opcode === Op.END) break;
    return mutable;
  });
}

/** Where the last data segment ends. */
function dataEnd(bytes: Uint8Array): number {
  const { reader, count } = items(bytes, DATA_SECTION);
  let end = 0;
  for (let i = 0; i < count; i++) {
    assert.is(reader.u8(), 0, 'an active segment of memory 0');
    assert.is(reader.u8(), Op.I32_CONST);
    let address = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = reader.u8();
      address |= (byte & 0x7f) << shift;
    }
    assert.is(reader.u8(), Op.END);
    const length = reader.u32();
    reader.skip(length);
    end = Math.max(end, address + length);
  }
  assert.is(reader.offset, reader.end);
  return end;
}

function opcodes(bytes: Uint8Array): number[] {
  const module = parseModule(bytes);
  // Relaxed SIMD, atomics and what else the decoder does not know throw here.
  return module.bodies.flatMap((body) => [...instructionsOf(module, body)].map(({ opcode }) => opcode));
}

const isSimd = (opcode: number): boolean => opcode >> 8 === 0xfd;
const isFloat = (opcode: number): boolean =>
  (opcode >= 0x5b && opcode <= 0x66) ||
  (opcode >= 0x8b && opcode <= 0xa6) ||
  opcode === 0x43 ||
  opcode === 0x44;

for (const build of BUILDS) {
  const bytes = moduleBytes(build);
  const module = new WebAssembly.Module(bytes);

  test(`${build}: imports and exports`, () => {
    const imports = WebAssembly.Module.imports(module);
    assert.equal(imports.map((i) => `${i.module}.${i.name}`).sort(), IMPORTS);
    assert.ok(imports.every((i) => i.kind === 'function'));
    const found = WebAssembly.Module.exports(module)
      .map((e) => `${e.kind} ${e.name}`)
      .sort();
    const functions = build === 'device.checked' ? [...FUNCTIONS, 'failedLine'] : FUNCTIONS;
    const expected = [...functions.map((name) => `function ${name}`)];
    expected.push('global arena', 'global cursor', 'memory memory');
    assert.equal(found, expected.sort());
  });

  test(`${build}: one page of memory, no way to grow it, no mutable global`, () => {
    const { memories } = parseModule(bytes);
    assert.equal(memories, [{ imported: false, initial: 1, maximum: 1 }]);
    const used = new Set(opcodes(bytes));
    assert.not(used.has(Op.MEMORY_GROW));
    assert.not(used.has(Op.CALL_INDIRECT));
    const mutable = mutability(bytes).filter((yes) => yes).length;
    assert.ok(mutable <= (build === 'device.checked' ? 1 : 0), `${mutable} mutable globals`);
  });

  test(`${build}: static data ends below the arena`, () => {
    const nothing = (): number => 0;
    const { exports } = new WebAssembly.Instance(module, {
      image: { view: nothing },
      nvm: { view: nothing, write: nothing, sync: nothing },
      power: { low: nothing },
    });
    const arena = (exports['arena'] as WebAssembly.Global).value as number;
    const cursor = (exports['cursor'] as WebAssembly.Global).value as number;
    const end = dataEnd(bytes);
    assert.ok(end > 0 && end <= arena, `data to ${end}, arena at ${arena}`);
    assert.ok(cursor > 0 && cursor + CURSOR_BYTES <= arena, `cursor at ${cursor}`);
    assert.is(arena % 16, 0);
    assert.is((exports['memory'] as WebAssembly.Memory).buffer.byteLength, 65536);
  });

  test(`${build}: integer arithmetic only${build === 'device.simd' ? ', and SIMD' : ', no SIMD'}`, () => {
    const used = opcodes(bytes);
    assert.ok(used.length > 1000);
    assert.is(used.some(isSimd), build === 'device.simd');
    assert.not(used.some(isFloat));
  });
}

test('device.checked holds assertions that leave their line behind', () => {
  const bytes = moduleBytes('device.checked');
  const used = new Set(opcodes(bytes));
  assert.ok(used.has(Op.UNREACHABLE), 'no assertion in the checked build');
  assert.is(mutability(bytes).filter((yes) => yes).length, 1, 'the failed line is its one mutable global');
  assert.ok(used.has(Op.GLOBAL_SET));
});

test('asconfig.json leaves as much room for static data as the format says', () => {
  const { options, targets } = JSON.parse(
    readFileSync(new URL('../../asconfig.json', import.meta.url), 'utf8'),
  ) as { options: { lowMemoryLimit: number }; targets: { checked: { lowMemoryLimit: number } } };
  assert.is(options.lowMemoryLimit, STATIC_BYTES);
  assert.is(targets.checked.lowMemoryLimit, STATIC_BYTES_CHECKED);
});

test('device.wasm takes at most 20 KB, a build for one image 10 KB', () => {
  assert.ok(moduleBytes('device').length <= 20_480, `${moduleBytes('device').length} bytes`);
  assert.ok(moduleBytes('digits').length <= 10_240, `${moduleBytes('digits').length} bytes`);
});

test.run();
