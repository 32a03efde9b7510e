// `node dist/bench/plans.js [text of a name…]`: whether `compile` chooses well for weights of few bits. A network of one op is
// compiled for SRAM of several sizes. All these plans fit the largest, and are counted on an emulated core: printed is what the one
// chosen for the largest takes, beside the best of them. More than 1.1 times as much: the cost model misleads.
import { compile } from '../host/compile/compile.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { type Board, boardCalled } from '../host/firmware/targets.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightType } from '../host/model/weight-types.js';
import { coreUnitsOf } from '../host/ops/record.js';
import type { Body } from '../host/ops/shared/cost.js';
import { count, table } from '../host/report/text.js';
import { lowBitNetwork } from './low-bits.js';

const SIZES = [1200, 1800, 2500, 3500, 5000, 8000, 12_000, 20_000];
const NETWORKS = ['dense 512×512', 'conv 32×32×3→16, 3×3', 'conv 25×5×64→64, 1×1', 'conv 16×16×32→32, 3×3'];
const TYPES: readonly WeightType[] = ['int4', 'int2', 'int1'];
/** Devices, and where the bodies that they run are counted. */
const DEVICES: readonly [device: string, body: Body, board: Board][] = [
  ['cortex-m4-generic', 'dsp', boardCalled('qemu-mps2-an386')],
  ['rp2040', 'armv6m', { ...boardCalled('qemu-mps2-an385'), core: 'cortex-m0plus' }],
];

/** The plans for SRAM of each size, those alike left out; the last is for the largest. */
function plansOf(network: QuantizedNetwork, device: string): Image[] {
  const images = new Map<string, Image>();
  for (const arenaBytes of SIZES) {
    const options = { device, arenaBytes, nvmBytes: 1 << 22, capacitorUf: 1e5, verify: false };
    try {
      const image = readImage(compile(network, { ...options, policy: 'never', convolution: 'direct' }));
      const key = image.ops.map(({ bytes }) => Buffer.from(bytes).toString('hex')).join();
      images.delete(key);
      images.set(key, image);
    } catch {
      // Too little SRAM for any plan.
    }
  }
  return [...images.values()];
}

const asked = process.argv.slice(2);
const rows = [['network', 'weights', 'device', 'chosen', 'best', 'chosen / best', 'model / counted']];
for (const name of NETWORKS.filter((one) => asked.length === 0 || asked.some((text) => one.includes(text)))) {
  for (const type of TYPES) {
    const network = lowBitNetwork(name, type);
    for (const [device, body, board] of DEVICES) {
      const counted: number[] = [];
      const plans = plansOf(network, device);
      for (const image of plans) {
        const { ops } = await countOps(image, board);
        counted.push(ops.reduce((sum, { enter, tiles }) => sum + enter + tiles, 0));
      }
      const [chosen, best] = [counted.at(-1)!, Math.min(...counted)];
      const ratios = plans.map((image, i) => {
        const units = image.ops.reduce((sum, op) => sum + coreUnitsOf(op, body), 0);
        return (units / counted[i]!).toFixed(2);
      });
      rows.push([
        ...[name, type, device, count(chosen), count(best), (chosen / best).toFixed(2)],
        ratios.join(' '),
      ]);
      console.error(rows.at(-1)!.join(' | '));
    }
  }
}
console.log(table(rows));
