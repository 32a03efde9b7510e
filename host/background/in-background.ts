// Calls that take long, as promises: each in a worker thread, so that the caller's goes on; as many at once as one likes.
import { Worker } from 'node:worker_threads';
import type { CompressOptions } from '../compress/compress-options.js';
import type { CompressResult } from '../compress/compress.js';
import type { FloatNetwork, LabelledData } from '../compress/float-network.js';
import type { TrainingOptions } from '../compress/train.js';
import { BrownoutError } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import type { ReplayOptions } from '../replay/options.js';
import type { ReplayResult } from '../replay/replay.js';
import type { VerifyOptions } from '../verify/options.js';
import type { VerifyResult } from '../verify/verify.js';
import type { Calls, Message, Progress, Verb } from './calls.js';

/** What every call in the background takes beside its own options. */
export interface BackgroundOptions {
  /** Ends the call: its promise is rejected with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Options that are data: functions stay in their thread. */
type Background<O> = Omit<O, 'onProgress' | 'onEpoch' | 'onInference'> & BackgroundOptions;

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_OPTION', found, expected, hint });
}

/** The options of the call itself, checked apart from those of the verb. */
function split<O extends object>(
  options: Background<O>,
): { own: BackgroundOptions; rest: Omit<O, 'onProgress' | 'onEpoch' | 'onInference'> } {
  if (typeof options !== 'object' || options === null)
    refuse(`${String(options)} for options`, 'an object of options', 'Give { name: value }, or nothing.');
  const { signal, onProgress, ...rest } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    refuse('another `signal`', 'an AbortSignal', 'Give `signal`: new AbortController().signal.');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    refuse('another `onProgress`', 'a function', 'Give `onProgress`: (progress) => {}.');
  return {
    own: { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) },
    rest: rest as never,
  };
}

function startWorker(verb: Verb, args: readonly unknown[]): Worker {
  try {
    return new Worker(new URL('./worker.js', import.meta.url), { workerData: { verb, args } });
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error;
    return refuse(
      `what no other thread can have: ${(error as Error).message}`,
      'data: numbers, texts, arrays, objects of these',
      `Leave functions out, or call \`${verb}\`, which works in this thread.`,
    );
  }
}

async function inBackground<V extends Verb>(
  verb: V,
  args: Calls[V]['args'],
  { signal, onProgress }: BackgroundOptions,
): Promise<Calls[V]['result']> {
  signal?.throwIfAborted();
  const worker = startWorker(verb, args);
  let stop: (() => void) | undefined;
  try {
    return await new Promise<Calls[V]['result']>((resolve, reject) => {
      stop = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', stop);
      worker.on('message', (message: Message) => {
        switch (message.kind) {
          case 'progress':
            try {
              onProgress?.(message.progress);
            } catch (error) {
              reject(error as Error);
            }
            return;
          case 'result':
            return resolve(message.result as Calls[V]['result']);
          case 'failure':
            return reject(new BrownoutError(message.failure, message.exitCode));
        }
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the worker of ${verb} ended with ${code}`)));
    });
  } finally {
    if (stop) signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

const bytesOf = (image: Uint8Array | Image): Uint8Array =>
  image instanceof Uint8Array ? image : imageOf(image).file;

/**
 * `compress` in a worker thread: the same bytes. Ended by its signal, a run with a `journal` goes on from there when it is
 * called again. Rejects with what `compress` throws, or with the signal's reason.
 */
export async function compressAsync(
  network: FloatNetwork,
  options: Background<CompressOptions>,
): Promise<CompressResult> {
  const { own, rest } = split<CompressOptions>(options);
  return inBackground('compress', [network, rest], own);
}

/** `train` in a worker thread: the same weights, bit for bit. */
export async function trainAsync(
  network: FloatNetwork,
  data: LabelledData,
  options: Background<TrainingOptions>,
): Promise<FloatNetwork> {
  const { own, rest } = split<TrainingOptions>(options);
  return inBackground('train', [network, data, rest], own);
}

/** `verify` in a worker thread: the same proof; `elapsedMs` alone is of its own run. */
export async function verifyAsync(
  image: Uint8Array | Image,
  options: Background<VerifyOptions> = {},
): Promise<VerifyResult> {
  const { own, rest } = split<VerifyOptions>(options);
  return inBackground('verify', [bytesOf(image), rest], own);
}

/** `replay` in a worker thread: the same result. */
export async function replayAsync(
  image: Uint8Array | Image,
  options: Background<ReplayOptions> = {},
): Promise<ReplayResult> {
  const { own, rest } = split<ReplayOptions>(options);
  return inBackground('replay', [bytesOf(image), rest], own);
}
