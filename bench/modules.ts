// `npm run bench`: the SIMD module against the scalar ones, op by op, in one run. Measured.
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { table } from '../host/report/text.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { int8s } from '../samples/networks.js';
import { DeskRunner } from './desk-runner.js';
import { plainCases } from './plain/index.js';
import { interleaved, median, spread } from './timing.js';

/** What `benchModules` found of a case: µs an inference, medians. */
export interface ModuleTimes {
  name: string;
  scalarUs: number;
  fastUs: number;
  simdUs: number;
  /** Scalar over SIMD: quartiles and median of ratios round by round. */
  ratio: [number, number, number];
}

export async function benchModules(): Promise<{ times: ModuleTimes[]; text: string }> {
  const times: ModuleTimes[] = [];
  for (const { name, network } of plainCases()) {
    const input = int8s(
      new Random(2),
      network.tensors[0]!.shape.reduce((a, b) => a * b, 1),
    );
    const options = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e5, verify: false } as const;
    const image = readImage(compile(network, { ...options, policy: 'never' }));
    const runners = (['device', 'device.fast', 'device.simd'] as const).map((module) =>
      DeskRunner.generic(moduleBytes(module), image),
    );
    const rounds = await interleaved(
      runners.map((runner) => () => runner.run(input)),
      15,
    );
    for (const runner of runners)
      if (Buffer.compare(runner.output(), runners[0]!.output()) !== 0)
        throw new Error(`${name}: modules disagree`);
    const [scalar, fast, simd] = rounds as [number[], number[], number[]];
    times.push({
      name,
      scalarUs: median(scalar),
      fastUs: median(fast),
      simdUs: median(simd),
      ratio: spread(scalar, simd),
    });
  }
  const rows = times.map(({ name, scalarUs, fastUs, simdUs, ratio: [low, middle, high] }) => [
    name,
    ...[scalarUs, fastUs, simdUs].map((us) => us.toFixed(1)),
    `${middle.toFixed(1)}×`,
    `${low.toFixed(1)}–${high.toFixed(1)}`,
  ]);
  const head = ['kernel', 'scalar µs', 'scalar, fast µs', 'simd µs', 'scalar / simd', 'quartiles'];
  return { times, text: ['modules in Node, whole jobs, measured here', table([head, ...rows])].join('\n') };
}
