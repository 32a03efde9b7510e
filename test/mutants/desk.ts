// Small changes of the desk: what refuses files from strangers, what the power model leaps over, sums in lanes.
import { of } from './mutant.js';

export const DESK = [
  ...of('host/learning/learned.ts', { test: 'hostile-records' }, [
    ['weights without a mark taken', ' || view.getUint32(0, true) !== WEIGHTS_MAGIC', ''],
    ['weights of another plan taken', 'if (view.getUint32(4, true) !== planOf(image))', 'if (false)'],
    ['weights with a wrong checksum taken', ' || crc32(bank) !== view.getUint32(8, true)', ''],
    ['weights of any length taken', 'refuse(`weights of ${bank.length} bytes`, `${bankBytes}`)', '0'],
  ]),
  ...of('host/ops/bounds.ts', { test: 'hostile-records' }, [
    ['ops of learning of any kind', 'if (!Object.hasOwn(LEARNING_OPS, op.kind))', 'if (false)'],
  ]),
  ...of('host/ops/xnor-conv2d.ts', { test: 'xnor' }, [
    ['bits that may be weights of any type', 'Math.abs(op.get(OP_WEIGHT_TYPE) - WeightType.INT1)', '0'],
  ]),
  ...of('host/compress/journal.ts', { test: 'journal' }, [
    ['journals of other runs', 'if (header.run !== this.run)', 'if (false)'],
    ['arrays of any kind', "(array?.[0] === 'f' || array?.[0] === 'u') && ", ''],
    ['more numbers than steps', 'if (at !== end)', 'if (false)'],
  ]),
  ...of('host/compress/recipe.ts', { test: 'journal' }, [
    [
      'an order of samples that there are not',
      'every((index) => index < fresh.order.length)',
      'every(() => true)',
    ],
    ['scales of 0', 'scales.every(scaled) &&', ''],
  ]),
  ...of('host/compress/tape.ts', { test: 'binary' }, [
    ['gradients of signs from anywhere', 'x.gradient, 0, count, -1, 1)', 'x.gradient, 0, count, -9, 9)'],
    [
      'steps that end below 1',
      "'roundOdd', [x.values, y.values], count, 1, 1",
      "'roundOdd', [x.values, y.values], count, 1, 0.5",
    ],
  ]),
  ...of('host/compress/to-graph.ts', { test: 'binary' }, [
    [
      'a step before its pool',
      'if (unsigned && readers.length === 1 &&',
      'if (false && readers.length === 1 &&',
    ],
    ['a step up at −1', '(x >= 0 ? 1 : -1)', '(x > -1 / 8 ? 1 : -1)'],
  ]),
  ...of('host/compress/signs.ts', { test: 'binary' }, [
    [
      'signs for whatever layer',
      "else if (blocks || (reader.kind !== 'conv2d' && reader.kind !== 'dense'))",
      'else if (blocks)',
    ],
    ['signs of sums', "layer.kind === 'add' ? 'are of a sum' : ", ''],
  ]),
  ...of('host/compress/integer-network.ts', { test: 'binary' }, [
    ['tables that start at 0', 'table[byte ^ 128]', 'table[byte]'],
  ]),
  ...of('host/data/zip.ts', { test: 'zip' }, [
    ['members packed in two ways', 'if (view.getUint16(local + 8, true) !== method)', 'if (false)'],
  ]),
  ...of('host/power/trace.ts', { test: 'traces' }, [
    ['columns called constructor', 'Object.hasOwn(units, name)', 'name in units'],
  ]),
  ...of('host/model/image.ts', { test: 'hostile-records' }, [
    ['regions anywhere', 'if (offset < from || offset + length > to || offset % 4 !== 0) {', 'if (false) {'],
    [
      'ids of other images',
      'if (layout.imageId !== crc32(constantBytes, get(H_PLAN_CRC))) {',
      'if (false) {',
    ],
  ]),
  ...of('host/learning/sums/of-image.ts', { test: 'hostile-records' }, [
    ['sums beyond their bank', 'from + bytes > bank.length', 'false'],
  ]),
  ...of('host/firmware/manifest.ts', { test: 'hostile-records' }, [
    ['files outside of the folder', 'isInside(file) && isText(hash)', 'isText(hash)'],
  ]),
  ...of('host/firmware/binaries.ts', { test: 'hostile-records' }, [
    ['headers beyond the end', 'start + size * count > elf.length', 'false'],
  ]),
  ...of('host/gateway/server.ts', { test: 'hostile-readers' }, [
    ['requests for no path', 'if (!URL.canParse(asked, BASE))', 'if (false)'],
  ]),
  ...of('host/gateway/fleet.ts', { test: 'fleet' }, [
    ['what a device sent before stays', ' - (stale ? stale.getInt32(4 * i, true) : 0)', ''],
    ['samples sent before count again', ' - (known?.samples ?? 0)', ''],
    ['a message replayed is stored again', 'if (known && known.version >= version) {', 'if (false) {'],
    ['messages written together not compared', 'newest.get(device) ?? ', ''],
    [
      'only the first of those that came meanwhile',
      'fresh.map(({ record }) => record)',
      '[fresh[0]!.record]',
    ],
  ]),
  ...of('host/compare/strategies/layers.ts', { test: 'compare' }, [
    ['what ends an inference is a layer', '.filter(({ op }) => !op.isLearning)', ''],
  ]),
  ...of('host/power/harvested-supply.ts', { test: 'power' }, [
    ['every loop played', 'loops < 1', 'loops < 1e9'],
    ['energy leapt, not time', 'statistics.offUs += us;', ''],
    ['time leapt, not energy', 'this.#storedUj += loops * gainUj;', ''],
  ]),
  ...of('assembly/kernels/add_lanes.ts', { test: 'lanes', sources: true }, [
    ['halves rounded towards plus infinity', '-i32(right > 0)', '0'],
    ['no rounding of the second shift', '(<i64>((1 << right) >> 1)) << 32', '(<i64>0) << 32'],
    ['upper words of the lower lanes', 'low, high, 1, 3, 5, 7', 'low, high, 1, 3, 1, 3'],
    ['zero points of a for b', 'i16x8.splat(load<i16>(op, ELT_ZERO_POINT2))', 'zeroA'],
    ['inputs not doubled', 'i32x4.extend_high_i16x8_s(y), up + 1', 'i32x4.extend_high_i16x8_s(y), up'],
    ['shifts to the left taken', '<u32>rightA > 30 || ', ''],
  ]),
];
