// Times of several bodies in one run, in turn. Processor time: beside other work a clock on the wall tells how long one waited, too.

/** Processor time that each body is called for before it is timed, µs: by then the engine has its best code for it. */
const WARM_US = 150_000;

/** About how long a round is, µs: short, so that what else runs rarely falls into it and rounds of bodies are neighbours. */
const ROUND_US = 1000;

/** Calls in a round at most. */
const MOST_CALLS = 200;

/** Processor time of this process so far, µs, all its threads. */
function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Times `bodies` in turn, `rounds` times, in processor time; returns each one's times in µs a call, round by round. Promises are
 * awaited.
 */
export async function interleaved(bodies: readonly (() => unknown)[], rounds: number): Promise<number[][]> {
  const run = async (body: () => unknown, count: number): Promise<number> => {
    const start = processorUs();
    for (let i = 0; i < count; i++) {
      const result = body();
      if (result instanceof Promise) await result;
    }
    return processorUs() - start;
  };
  const calls: number[] = [];
  for (const body of bodies) {
    let [us, count] = [0, 1];
    for (let spent = 0; spent < WARM_US; spent += us) {
      us = await run(body, count);
      if (us < ROUND_US) count = Math.min(MOST_CALLS, count * 2);
    }
    calls.push(Math.min(MOST_CALLS, Math.max(1, Math.round((ROUND_US * count) / Math.max(us, 1)))));
  }
  const times: number[][] = bodies.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, body] of bodies.entries()) {
      times[index]!.push((await run(body, calls[index]!)) / calls[index]!);
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
