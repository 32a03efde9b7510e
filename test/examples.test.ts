// The example of an application, through power failures anywhere: every answer is sent, and the device ends as it would have.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { C_STEP } from '../assembly/layout.js';
import { makeDevice, step, type World } from '../examples/sense.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { PowerCut } from '../host/simulator/device.js';
import { comparableNvm } from '../host/simulator/equality.js';
import { compileUnproved } from './util/compile.js';
import { int8s } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

const LAST = 12;

/** Until LAST tickets are learnt; cut after so many bytes and barriers of each life. */
function live(image: Image, cuts?: Random): { sent: Map<number, string>; steps: number; nvm: Uint8Array } {
  const sent = new Map<number, string>();
  const world: World = {
    sense: (ticket) => int8s(new Random(ticket), image.input.bytes),
    labelOf: (ticket) => ticket % 4,
    send(ticket, answer) {
      const text = answer.join(' ');
      assert.is(sent.get(ticket) ?? text, text, 'sent again, with another answer');
      sent.set(ticket, text);
    },
  };
  const supply = new CountdownPower();
  const device = makeDevice(image, { supply });
  const lifetime = (): number => (cuts ? 300 + cuts.integer(3000) : Infinity);
  supply.left = lifetime();
  for (;;) {
    try {
      let state = device.boot();
      while (device.ticket < LAST || state !== Status.IDLE) {
        state = step(device, image, world, state);
        assert.is(state, Status.IDLE);
      }
      return {
        sent,
        steps: device.cursorField(C_STEP),
        nvm: comparableNvm(device.nvm.cells, image, true),
      };
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      device.cut();
      supply.left = lifetime();
    }
  }
}

test('sense, infer, send, learn late: as on steady power', () => {
  const network = learnable(new Random(1), [8], ['dense:6', 'dense:4']);
  const image = readImage(compileUnproved(network, { learn: { layers: 'last', sure: -1 } }));
  const steady = live(image);
  assert.is(steady.sent.size, LAST);
  assert.ok(steady.steps > 0);
  for (let seed = 1; seed <= 20; seed++) {
    const { sent, steps, nvm } = live(image, new Random(seed));
    assert.equal([...sent], [...steady.sent], `seed ${seed}`);
    assert.is(steps, steady.steps, `seed ${seed}`);
    assert.equal(nvm, steady.nvm, `seed ${seed}`);
  }
});

test.run();
