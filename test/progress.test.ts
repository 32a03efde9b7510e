// An image that is proved for a device and a capacitor gets done there: under every policy, whatever the app does when
// power is low, behind every converter that gives it as much of a charge.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../host/compile/compile.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { CONVERTERS, profileStorage, storageFor } from '../host/power/converter.js';
import { capacitorFor, usableUj } from '../host/power/life.js';
import { DEVICES, deviceProfile } from '../host/profiles/index.js';
import { poweredBy } from '../host/power/converter.js';
import { replay } from '../host/replay/replay.js';
import * as networks from '../samples/networks.js';

/** Draws; `BROWNOUT_PROGRESS=500` for more. */
const DRAWS = Number(process.env['BROWNOUT_PROGRESS'] ?? 24);
/** Little enough that a charge must do nearly all. */
const TRACE = 'constant:power_uw=900';

const MODELS: readonly ((random: Random) => QuantizedNetwork)[] = [
  networks.layered,
  networks.dsCnn,
  networks.convNetwork,
  networks.averagePoolNetwork,
  networks.softmaxNetwork,
  (random) => networks.circulantNetwork(random, { blockSize: 64, inputs: 128, outputs: 128, method: 'ntt' }),
  (random) => networks.denseNetwork(random, 2000),
];
const POLICIES = ['auto', 'low', 'every 3', 'every 50', 'never'];
const CAPACITORS = [2.2, 4.7, 10, 22, 47, 100];

const draw = <T>(random: Random, from: readonly T[]): T => from[random.integer(from.length)]!;

test(`${DRAWS} proved images get done, or a capacitor is named for which they do`, () => {
  const [random, seen] = [new Random(19), { done: 0, refused: 0, cut: 0 }];
  for (let index = 0; index < DRAWS; index++) {
    const network = draw(random, MODELS)(new Random(index));
    const [device, policy] = [DEVICES[index % DEVICES.length]!, draw(random, POLICIES)];
    let capacitorUf = draw(random, CAPACITORS);
    const what = `${network.name} ${device} ${capacitorUf} µF ${policy}`;
    let image: Uint8Array;
    try {
      image = compile(network, { device, capacitorUf, policy });
    } catch (error) {
      assert.ok(error instanceof BrownoutError && error.code === 'E_CHARGE', `${what}: ${error}`);
      capacitorUf = Number(/of ([\d.]+)uF/.exec(error.hint)![1]);
      image = compile(network, { device, capacitorUf, policy });
      seen.refused++;
    }
    const profile = poweredBy(deviceProfile(device), { capacitorUf });
    const own = usableUj(profileStorage(profile), profile);
    const converter = draw(random, CONVERTERS);
    // As much of a charge, behind another converter.
    const behind = capacitorFor(own, storageFor(profile, { converter, capacitorUf }), profile);
    for (const onLow of ['sleep', 'run'] as const) {
      const options = { device, converter, capacitorUf: behind, onLow };
      // The source's voltage is what a diode lets through, or does not.
      const result = replay(image, { ...options, trace: TRACE, inferences: 3 });
      assert.ok(result.identical, `${what}, ${converter} ${behind} µF, ${onLow}`);
      if (result.cuts > 0) seen.cut++;
      seen.done++;
    }
  }
  assert.is(seen.done, 2 * DRAWS);
  assert.ok(seen.refused > 0 && seen.cut > DRAWS / 4, JSON.stringify(seen));
});

test.run();
