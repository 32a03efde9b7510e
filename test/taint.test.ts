// The copy of a module that follows data: the same results, and it notes every branch, address and length that data decides.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readImage } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { followTaint } from '../host/toolchain/taint.js';
import { ByteWriter, EMPTY_BLOCK, Op } from '../host/toolchain/wasm-bytes.js';
import { type AssembledFunction, assemble, i32, i64, instantiate } from './util/assemble.js';

type Exports = { memory: WebAssembly.Memory } & Record<string, (...values: number[]) => number>;
const [GET, SET, CONST] = [0x20, 0x21, 0x41];
const [LOAD, LOAD8, LOAD64, STORE, ADD, XOR, WRAP] = [0x28, 0x2d, 0x29, 0x36, 0x6a, 0x73, 0xa7];

/** Bytes 64 to 127 are data; runs f0 and says what was found. */
function found(
  code: (out: ByteWriter) => void,
  more: AssembledFunction[] = [],
  locals: number[] = [i32, i64],
) {
  const out = new ByteWriter();
  code(out);
  const functions = [{ params: [i32], results: [i32], locals, code: out }, ...more];
  const { wasm, marksAt, foundAt } = followTaint(assemble({ functions, pages: 1 }));
  const exports = instantiate<Exports>(wasm);
  const memory = new Uint8Array(exports.memory.buffer);
  memory.fill(1, marksAt + 64, marksAt + 128);
  memory.fill(3, 64, 128);
  exports['f0']!(64);
  const cells = new DataView(memory.buffer, foundAt, 8);
  return {
    address: cells.getUint32(0, true) !== 0,
    branch: cells.getUint32(4, true) !== 0,
    isMarked: (at: number) => memory[marksAt + at] !== 0,
  };
}

const data = (out: ByteWriter): ByteWriter => out.op(GET, 0).u8(LOAD8, 0).u32(5);
const nothing = { address: false, branch: false };

function finds(
  code: (out: ByteWriter) => void,
  expected: { address: boolean; branch: boolean },
  more?: AssembledFunction[],
) {
  const { address, branch } = found(code, more);
  assert.equal({ address, branch }, expected);
}

test('arithmetic on data, and choices between values, decide nothing', () => {
  finds((out) => data(out).u8(CONST, 1, ADD), nothing);
  finds((out) => {
    out.u8(CONST, 1, CONST, 2);
    data(out).u8(Op.SELECT);
  }, nothing);
  // A branch on what is no data.
  finds((out) => {
    out.u8(CONST, 32).u8(LOAD, 0).u32(200).u8(Op.IF, EMPTY_BLOCK, Op.END);
    data(out);
  }, nothing);
});

test('branches of every kind', () => {
  const branch = { address: false, branch: true };
  finds((out) => data(out).u8(Op.IF, i32, CONST, 1, Op.ELSE, CONST, 2, Op.END), branch);
  finds((out) => {
    out.u8(Op.BLOCK, EMPTY_BLOCK);
    data(out).op(Op.BR_IF, 0).u8(Op.END, CONST, 0);
  }, branch);
  finds((out) => {
    out.u8(Op.BLOCK, EMPTY_BLOCK, Op.BLOCK, EMPTY_BLOCK);
    data(out).u8(Op.BR_TABLE, 1, 0, 1, Op.END, Op.END, CONST, 0);
  }, branch);
  // A count of turns that comes from data, by way of a local that a loop changes.
  finds((out) => {
    data(out).op(SET, 1).u8(Op.LOOP, EMPTY_BLOCK).op(GET, 1).u8(CONST, 0x7f, ADD).op(Op.LOCAL_TEE, 1);
    out.op(Op.BR_IF, 0).u8(Op.END, CONST, 0);
  }, branch);
});

test('addresses and lengths', () => {
  const address = { address: true, branch: false };
  finds((out) => data(out).u8(LOAD8, 0, 0), address);
  finds((out) => {
    data(out).u8(CONST, 0, STORE, 0, 0, CONST, 0);
  }, address);
  for (const place of [0, 1, 2]) {
    finds((out) => {
      for (let i = 0; i < 3; i++)
        if (i === place) data(out);
        else out.u8(CONST, 8);
      out.u8(0xfc, 10, 0, 0, CONST, 0);
    }, address);
  }
  finds((out) => {
    out.u8(CONST, 8);
    data(out).u8(CONST, 4, 0xfc, 11, 0, CONST, 0);
  }, nothing);
});

test('data goes through memory, copies, wide values and calls', () => {
  const branch = { address: false, branch: true };
  const test = (out: ByteWriter): ByteWriter => out.u8(Op.IF, EMPTY_BLOCK, Op.END, CONST, 0);
  finds((out) => {
    out.u8(CONST, 8);
    data(out).u8(STORE, 2, 0, CONST, 11).u8(LOAD8, 0, 0);
    test(out);
  }, branch);
  finds((out) => {
    out.u8(CONST, 8).op(GET, 0).u8(CONST, 4, 0xfc, 10, 0, 0, CONST, 8).u8(LOAD, 2, 0);
    test(out);
  }, branch);
  // A clean store takes the mark away.
  finds((out) => {
    out.op(GET, 0).u8(CONST, 0, STORE, 2, 0).op(GET, 0).u8(LOAD, 2, 0);
    test(out);
  }, nothing);
  finds((out) => {
    out.op(GET, 0).u8(LOAD64, 3, 0).op(SET, 2).op(GET, 2).u8(WRAP);
    test(out);
  }, branch);
  const through = {
    params: [i32, i32],
    results: [i32],
    code: new ByteWriter().op(GET, 1).op(GET, 0).u8(XOR),
  };
  for (const place of [0, 1])
    finds(
      (out) => {
        for (let i = 0; i < 2; i++)
          if (i === place) data(out);
          else out.u8(CONST, 8);
        out.op(Op.CALL, 1);
        test(out);
      },
      branch,
      [through],
    );
  finds(
    (out) => {
      out.u8(CONST, 8, CONST, 9).op(Op.CALL, 1);
      test(out);
    },
    nothing,
    [through],
  );
});

test('a value that a branch takes along keeps its mark', () => {
  finds(
    (out) => {
      out.u8(Op.BLOCK, i32, CONST, 7);
      data(out).op(Op.BR, 0).u8(Op.END, Op.IF, EMPTY_BLOCK, Op.END, CONST, 0);
    },
    { address: false, branch: true },
  );
});

test('a whole inference on the copy gives the same answer', () => {
  const checkpoint = new URL('../../checkpoints/digits.brn', import.meta.url);
  const image = readImage(new Uint8Array(readFileSync(checkpoint)));
  const answers = [moduleBytes('device'), followTaint(moduleBytes('device')).wasm].map((wasm) => {
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    const device = new Device(new WebAssembly.Module(wasm), { image, nvm, sramBytes: 60_000 });
    return completeJob(device, image, { ticket: 1, input: image.sample! }).answer;
  });
  assert.equal(answers[0], answers[1]);
});

test('vectors are refused by name', () => {
  assert.throws(() => followTaint(moduleBytes('device.simd')), /cannot follow taint/);
});

test.run();
