// `brownout check`: all obstacles at once, or what a model costs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { analyze } from '../host/analyze/analyze.js';
import { check } from '../host/check/check.js';
import { checkText } from '../host/check/report.js';
import { compile } from '../host/compile/compile.js';
import { importModel } from '../host/import/import-model.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { OP, tfliteModel } from '../samples/tflite/model.js';
import { onnxFloat, onnxModel, tfliteModels } from './util/models.js';

test('a model that can be taken: its operators, and costs that are those of its image', () => {
  for (const file of tfliteModels()) {
    const { obstacles, costs, operators } = check(file, { device: 'msp430fr5994' });
    assert.equal(obstacles, []);
    assert.ok(Object.values(operators).reduce((sum, count) => sum + count, 0) > 2);
    const image = compile(importModel(file).network, { device: 'msp430fr5994', verify: false });
    const { cycles, macs, nvm } = analyze(image, { device: 'msp430fr5994' });
    assert.equal([costs!.cycles, costs!.macs, costs!.nvmBytes], [cycles, macs, nvm.usedBytes]);
  }
});

test('a board: costs on its part, its memories, and what each kind of NVM still needs', () => {
  const [file] = tfliteModels();
  const { costs, board } = check(file!, { board: 'stm32l4-disco' });
  assert.equal(costs, check(file!, { device: 'stm32l4' }).costs);
  assert.is(board!.sramBytes, 96 * 1024);
  const of = (kind: string) => board!.nvm.find(({ nvm }) => nvm === kind)!;
  assert.equal(of('flash').needs, []);
  assert.match(of('flash').runsOn!, /registers/);
  assert.is(of('spi-fram').runsOn, undefined);
  // Its SPI has no pins of its own: exactly these are left to a person.
  const pins = of('spi-fram').needs.map(({ name }) => name);
  assert.ok(pins.includes('BROWNOUT_SPI_PIN_SCK') && pins.includes('BROWNOUT_SPI_PIN_CS'), `${pins}`);
  assert.match(
    checkText(check(file!, { board: 'stm32l4-disco' })),
    /NVM spi-fram: to fill in: BROWNOUT_SPI_PIN/,
  );
  assert.throws(() => check(file!, { board: 'stm32' }), /E_BOARD/);
});

test('the smallest capacitor is enough, and a tenth of it is not', () => {
  const [file] = tfliteModels();
  const { costs } = check(file!);
  const { network } = importModel(file!);
  const capacitorUf = costs!.smallestCapacitorUf * 1.05;
  compile(network, { capacitorUf });
  assert.throws(() => compile(network, { capacitorUf: costs!.smallestCapacitorUf / 10 }), /E_CHARGE/);
});

test('a float model needs no samples to be checked, and the notes say so', () => {
  const { obstacles, notes, costs } = check(onnxFloat());
  assert.equal(obstacles, []);
  assert.match(notes.join(), /noise in place of samples/);
  assert.ok(costs!.timeMs > 0 && costs!.energyMj > 0);
});

test('every obstacle is named in one message, with the share of the model, and what follows from them is not', () => {
  const nodes = [
    { op: 'Relu', inputs: ['x'], outputs: ['a'] },
    { op: 'Wavelet', inputs: ['a'], outputs: ['b'] },
    { op: 'Neg', inputs: ['b'], outputs: ['c'] },
    { op: 'Cepstrum', inputs: ['c'], outputs: ['d'] },
  ];
  const file = onnxModel([1, 8], nodes, {});
  const { obstacles, costs } = check(file);
  assert.is(costs, undefined);
  assert.equal(
    obstacles.map(({ op, index }) => [op, index]),
    [
      ['Wavelet', 1],
      ['Cepstrum', 3],
    ],
  );
  assert.match(checkText(check(file)), /2 obstacles, 2 of 4 operators \(50 %\)/);
  assert.throws(() => importModel(file), /2 of the model’s 4 ops \(50 %\).*Wavelet.*Cepstrum/);
});

test('output of a compiler for one chip is told as that', () => {
  const shape = [1, 4];
  const custom = (name: string): Uint8Array => {
    const tensors = [{ shape }, { shape }];
    return tfliteModel(tensors, [{ code: 32, inputs: [0], outputs: [1], custom: name }]);
  };
  for (const [name, hint] of [
    ['ethos-u', /from before that compiler/],
    ['XC_conv2d_v2', /from before that compiler/],
    ['MyOp', /custom operator/],
  ] as const) {
    const [obstacle] = check(custom(name)).obstacles;
    assert.match(obstacle!.found, new RegExp(name));
    assert.match(obstacle!.hint, hint);
  }
});

test('a refusal of one operator keeps its own hint', () => {
  const tensors = [
    { shape: [1, 4], zeroPoint: 3 },
    { shape: [1, 4], scale: 0.1 },
  ];
  const file = tfliteModel(tensors, [
    { code: OP.CONCATENATION, inputs: [0], outputs: [1], options: { 0: fb.i32(9) } },
  ]);
  assert.match(check(file).obstacles[0]!.found, /along dimension 9/);
});

test.run();
