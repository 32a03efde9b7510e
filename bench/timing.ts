/** Times `bodies` in turn, `rounds` times; returns each one's times in µs a call, sorted. */
export function interleaved(bodies: readonly (() => void)[], rounds: number, calls: number): number[][] {
  const times: number[][] = bodies.map(() => []);
  for (const body of bodies) for (let i = 0; i < calls * 4; i++) body();
  for (let round = 0; round < rounds; round++) {
    bodies.forEach((body, index) => {
      const start = process.hrtime.bigint();
      for (let i = 0; i < calls; i++) body();
      times[index]!.push(Number(process.hrtime.bigint() - start) / 1000 / calls);
    });
  }
  for (const list of times) list.sort((a, b) => a - b);
  return times;
}

export const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1]!;
