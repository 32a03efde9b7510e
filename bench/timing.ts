/** Times `bodies` in turn, `rounds` times; returns each one's times in µs a call, round by round. Promises are awaited. */
export async function interleaved(
  bodies: readonly (() => unknown)[],
  rounds: number,
  calls: number,
): Promise<number[][]> {
  const times: number[][] = bodies.map(() => []);
  const run = async (body: () => unknown, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const result = body();
      if (result instanceof Promise) await result;
    }
  };
  for (const body of bodies) await run(body, calls * 4);
  for (let round = 0; round < rounds; round++) {
    for (const [index, body] of bodies.entries()) {
      const start = process.hrtime.bigint();
      await run(body, calls);
      times[index]!.push(Number(process.hrtime.bigint() - start) / 1000 / calls);
    }
  }
  return times;
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

export const median = (values: readonly number[]): number => sorted(values)[values.length >> 1]!;

/** How many times longer `slow` took than `fast`, round by round: lower quartile, median, upper quartile. */
export function spread(slow: readonly number[], fast: readonly number[]): [number, number, number] {
  const ratios = sorted(slow.map((time, round) => time / fast[round]!));
  return [ratios[ratios.length >> 2]!, median(ratios), ratios[(ratios.length * 3) >> 2]!];
}
