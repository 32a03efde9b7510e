// Where the time of a model goes in Node, op by op, on a module made for it: kernels alone, without engine and commits. Measured.
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { describeOp } from '../host/ops/record.js';
import { table } from '../host/report/text.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { KernelRunner } from './kernel-runner.js';
import { deskImage } from './desk-runner.js';
import { interleaved, median } from './timing.js';

const ROUNDS = 15;

/** The dearest ops first, as many as take nine tenths of the time. */
export async function profileModel(
  name: string,
  network: QuantizedNetwork,
  input: Int8Array,
): Promise<string> {
  const image = deskImage(network);
  const own = await buildDevice(image, { target: 'simd', optimize: 'speed', entry: 'bare' });
  const runner = new KernelRunner(image, input, own);
  const times = await interleaved(
    image.ops.map((_, op) => () => runner.run(op)),
    ROUNDS,
  );
  const ops = times
    .map((rounds, op) => ({ op, us: median(rounds) }))
    .sort((a, b) => b.us - a.us || a.op - b.op);
  const all = ops.reduce((sum, { us }) => sum + us, 0);
  const percent = (us: number): string => `${((100 * us) / all).toFixed(1)} %`;
  const rows: string[][] = [];
  let sum = 0;
  for (const { op, us } of ops) {
    if (sum > 0.9 * all) break;
    sum += us;
    const { macs } = describeOp(image.ops[op]!);
    const rate = macs > 0 ? (macs / us / 1000).toFixed(2) : '';
    rows.push([image.metadata.ops[op]!, us.toFixed(1), percent(us), percent(sum), rate]);
  }
  const rest = ops.length - rows.length;
  return [
    `${name}: kernels alone, ${all.toFixed(0)} µs in ${ops.length} ops, of which ${rest} are not shown`,
    table([['op', 'µs', 'share', 'so far', 'GMAC/s'], ...rows]),
  ].join('\n');
}
