// How far long work is, for people who wait.
import cliProgress from 'cli-progress';

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

/** A bar on standard error. */
export function progressBar(): Progress {
  const bar = new cliProgress.SingleBar(
    { clearOnComplete: true, stream: process.stderr },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, 0);
      started = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

/** Milliseconds between two lines; work that takes less says nothing. */
const LINE_MS = 10_000;

/** A line now and then, for logs. `now`: milliseconds. */
export function progressLines(write: (line: string) => void, now: () => number): Progress {
  let last = now();
  return {
    update(done, total) {
      if (now() - last < LINE_MS || total <= 0) return;
      last = now();
      write(`${Math.floor((done / total) * 100)} %: ${done} of ${total}`);
    },
    stop: () => {},
  };
}
