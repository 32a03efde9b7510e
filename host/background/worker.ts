// One call in a thread of its own: the functions are those that callers of the API have, so the bytes are too.
import { parentPort, workerData } from 'node:worker_threads';
import { BrownoutError } from '../error.js';
import type { Call, Calls, Message, Progress, Verb } from './calls.js';

const say = (message: Message): void => parentPort!.postMessage(message);
const tell = (progress: Progress): void => say({ kind: 'progress', progress });

async function answer(call: Call): Promise<Calls[Verb]['result']> {
  switch (call.verb) {
    case 'verify': {
      const { verify } = await import('../verify/verify.js');
      const [image, options] = call.args;
      return verify(image, {
        ...options,
        onProgress: (done, total) => tell({ stage: 'proof', done, total }),
      });
    }
    case 'replay': {
      const { replay } = await import('../replay/replay.js');
      const [image, options] = call.args;
      return replay(image, {
        ...options,
        onInference: (done, total) => tell({ stage: 'replay', done, total }),
      });
    }
    case 'train': {
      const { train } = await import('../compress/train.js');
      const [network, data, options] = call.args;
      return train(network, data, {
        ...options,
        onEpoch: ({ epoch: done, epochs: total, loss, accuracy }) => {
          const text = `loss ${loss.toFixed(4)}, accuracy ${(accuracy * 100).toFixed(2)} %`;
          tell({ stage: 'training', done, total, text });
        },
      });
    }
    case 'compress': {
      const { compress } = await import('../compress/compress.js');
      const [network, options] = call.args;
      return compress(network, {
        ...options,
        onProgress: ({ stage, text, done = 0, total = 0 }) => tell({ stage, done, total, text }),
      });
    }
  }
}

try {
  say({ kind: 'result', result: await answer(workerData as Call) });
} catch (error) {
  // Anything else is a fault of ours: it ends the worker, and the caller's promise with it.
  if (!(error instanceof BrownoutError)) throw error;
  const { code, found, expected, hint, exitCode } = error;
  say({ kind: 'failure', failure: { code, found, expected, hint }, exitCode });
}
