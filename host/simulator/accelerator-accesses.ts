// What imports `accel.*` read and write (docs/ACCEL.md): what the proof holds a module to.

/** How a row's sum becomes int8: where its bias and pair lie, then zero point and clamp. */
export type Rounding = [
  bias: number,
  pair: number,
  pairStride: number,
  zeroPoint: number,
  low: number,
  high: number,
];

/** What many imports begin with. */
export type Six = [number, number, number, number, number, number];

/** Bytes of the module's memory, as address and length. */
type Bytes = [address: number, length: number];

/** What a call reads and writes, and what it leaves as nobody knows. */
interface Accesses {
  reads: Bytes[];
  writes: Bytes[];
  clobbers: Bytes[];
}

/** `count` of something, by their index. */
export const times = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => of(i));

/** Biases and pairs of `rows` rows. */
const roundingReads = (rows: number, [bias, pair, pairStride]: Rounding): Bytes[] => [
  [bias, 4 * rows],
  ...(pairStride === 0 ? [[pair, 8] as Bytes] : times(rows, (row): Bytes => [pair + row * pairStride, 8])),
];

const sumAccesses = {
  gemm_s8(values: readonly number[]): Accesses {
    const [x, vectors, w, rows, length, ...rest] = values as [number, number, number, number, number];
    const [to, toStride, room] = (rest as number[]).slice(6) as [number, number, number];
    const rounding = roundingReads(rows, rest as unknown as Rounding);
    return {
      reads: [[x, vectors * length], [w, rows * length], ...rounding],
      writes: times(vectors, (vector): Bytes => [to + vector * toStride, rows]),
      clobbers: room ? [[room, 4 * length]] : [],
    };
  },
  depthwise_s8(values: readonly number[]): Accesses {
    const [x, pixel, step, across, windows, w, wStride, height, width, count, ...rest] =
      values as unknown as [
        ...[number, number, number, number, number, number, number, number, number, number],
      ];
    const to = (rest as number[])[6]!;
    const reads = roundingReads(count, rest as unknown as Rounding);
    for (let tap = 0; tap < height * width; tap++) {
      reads.push([w + tap * wStride, count]);
      const at = x + Math.floor(tap / width) * across + (tap % width) * pixel;
      for (let window = 0; window < windows; window++) reads.push([at + window * step, count]);
    }
    return { reads, writes: times(windows, (window): Bytes => [to + window * pixel, count]), clobbers: [] };
  },
  circulant_s8(values: readonly number[]): Accesses {
    const [x, w, k, blocks, _first, count, ...rest] = values as [...Six];
    const [to, room] = (rest as number[]).slice(6) as [number, number];
    const bytes = blocks * k;
    return {
      reads: [[x, bytes], [w, bytes], ...roundingReads(count, rest as unknown as Rounding)],
      writes: [[to, count]],
      clobbers: [[room, Math.max(4 * k, 3 * bytes)]],
    };
  },
  add_s8(values: readonly number[]): Accesses {
    const [a, b, count] = values as [number, number, number];
    return {
      reads: [
        [a, count],
        [b, count],
      ],
      writes: [[values[15]!, count]],
      clobbers: [],
    };
  },
};

const packedAccesses = {
  signs_s8(values: readonly number[]): Accesses {
    const [x, vectors, w, bits, rows, length, ...rest] = values as [...Six];
    const [to, toStride, room, roomBytes] = (rest as number[]).slice(6) as [number, number, number, number];
    const rounding = roundingReads(rows, rest as unknown as Rounding);
    return {
      reads: [[x, vectors * length], [w, rows * Math.ceil((length * bits) / 8)], ...rounding],
      writes: times(vectors, (vector): Bytes => [to + vector * toStride, rows]),
      clobbers: roomBytes ? [[room, roomBytes]] : [],
    };
  },
  xnor_s8(values: readonly number[]): Accesses {
    const [x, windows, step, height, across, span, w, rows, ...rest] = values as unknown as [
      ...Six,
      number,
      number,
    ];
    const [to, toStride, room, roomBytes] = (rest as number[]).slice(6) as [number, number, number, number];
    const runs = times(windows, (window) =>
      times(height, (run): Bytes => [x + window * step + run * across, span]),
    );
    const rounding = roundingReads(rows, rest as unknown as Rounding);
    return {
      reads: [...runs.flat(), [w, rows * Math.ceil((height * span) / 8)], ...rounding],
      writes: times(windows, (window): Bytes => [to + window * toStride, rows]),
      clobbers: roomBytes ? [[room, roomBytes]] : [],
    };
  },
  nibbles_s8(values: readonly number[]): Accesses {
    const [x, vectors, w, rows, length, ...rest] = values as [number, number, number, number, number];
    const [to, toStride, room] = (rest as number[]).slice(6) as [number, number, number];
    const rounding = roundingReads(rows, rest as unknown as Rounding);
    return {
      reads: [[x, vectors * length], [w, rows * Math.ceil(length / 2)], ...rounding],
      writes: times(vectors, (vector): Bytes => [to + vector * toStride, rows]),
      clobbers: room ? [[room, 4 * length]] : [],
    };
  },
};

const windowAccesses = {
  windows_s8(values: readonly number[]): Accesses {
    const [x, pixel, step, across, height, width, count, w, rows, ...rest] = values as [
      ...Six,
      ...[number, number, number],
    ];
    const [to, toStride] = (rest as number[]).slice(6) as [number, number];
    const bytes = (count - 1) * step + width * pixel;
    return {
      reads: [
        ...times(height, (y): Bytes => [x + y * across, bytes]),
        [w, rows * height * width * pixel],
        ...roundingReads(rows, rest as unknown as Rounding),
      ],
      writes: times(count, (window): Bytes => [to + window * toStride, rows]),
      clobbers: [],
    };
  },
};

const winogradAccesses = {
  winograd_input_s8(values: readonly number[]): Accesses {
    const [x, bytes, pairs, channels, to] = values as [number, number, number, number, number];
    const reads = times(4, (row): Bytes => [x + row * bytes, (4 * pairs + 2) * channels]);
    return { reads, writes: [[to, 64 * channels * pairs]], clobbers: [] };
  },
  winograd_weights_s8(values: readonly number[]): Accesses {
    const [w, rows, channels, to] = values as [number, number, number, number];
    const places = times(rows, (row) =>
      times(16 * (channels / 4), (at): Bytes => [to + row * 8 + at * 16, 8]),
    );
    return { reads: [[w, rows * channels * 9]], writes: places.flat(), clobbers: [] };
  },
  winograd_s8(values: readonly number[]): Accesses {
    const [x, blocks, w, rows, channels, ...rest] = values as [number, number, number, number, number];
    const [to, pixel, across, room] = (rest as number[]).slice(6) as [number, number, number, number];
    const bytes = 64 * channels;
    const outputs = times(2 * blocks, (column) => [to + column * pixel, to + across + column * pixel]).flat();
    return {
      reads: [
        [x, Math.ceil(blocks / 2) * bytes],
        [w, Math.ceil(rows / 2) * bytes],
        ...roundingReads(rows, rest as unknown as Rounding),
      ],
      writes: outputs.map((at): Bytes => [at, rows]),
      clobbers: [[room, 256]],
    };
  },
};

const transformAccesses = {
  ntt_forward_s8(values: readonly number[]): Accesses {
    const [x, k, work, to, stride] = values as [number, number, number, number, number];
    const writes = times(k / 4, (group): Bytes => [to + group * stride, 16]);
    return { reads: [[x, k]], writes, clobbers: [[work, 4 * k]] };
  },
  ntt_sums(values: readonly number[]): Accesses {
    const [x, w, blocks, count, to] = values as [number, number, number, number, number];
    const bytes = 4 * blocks * count;
    return {
      reads: [
        [x, bytes],
        [w, bytes],
      ],
      writes: [[to, 4 * count]],
      clobbers: [],
    };
  },
  ntt_inverse_s8(values: readonly number[]): Accesses {
    const [x, k, ...rest] = values as [number, number];
    const [to, count] = (rest as number[]).slice(6) as [number, number];
    const rounding = roundingReads(count, rest as unknown as Rounding);
    return { reads: [[x, 4 * k], ...rounding], writes: [[to, count]], clobbers: [[x, 4 * k]] };
  },
};

/** By the contract of each import (docs/ACCEL.md): what it may read and what it writes. */
export const acceleratorAccesses = {
  ...sumAccesses,
  ...packedAccesses,
  ...windowAccesses,
  ...winogradAccesses,
  ...transformAccesses,
};

/** Their names. */
export type AcceleratorImport = keyof typeof acceleratorAccesses;
