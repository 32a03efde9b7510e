// Calls that take long, in a worker thread: what goes there and what comes back.
import type { CompressOptions } from '../compress/compress-options.js';
import type { CompressResult } from '../compress/compress.js';
import type { FloatNetwork, LabelledData } from '../compress/float-network.js';
import type { TrainingOptions } from '../compress/train.js';
import type { ExitCode, Failure } from '../error.js';
import type { ReplayOptions } from '../replay/options.js';
import type { ReplayResult } from '../replay/replay.js';
import type { VerifyOptions } from '../verify/options.js';
import type { VerifyResult } from '../verify/verify.js';

/** How far a call is, of whatever verb. */
export interface Progress {
  /** What it is at, in words: `proof`, `replay`, `training`, or a step of `compress`. */
  stage: string;
  /** Of this stage; both 0 where nobody knows how long it takes. */
  done: number;
  total: number;
  /** More to say, for people. */
  text?: string;
}

/** Arguments and result of each verb. */
export interface Calls {
  compress: { args: [network: FloatNetwork, options: CompressOptions]; result: CompressResult };
  train: {
    args: [network: FloatNetwork, data: LabelledData, options: TrainingOptions];
    result: FloatNetwork;
  };
  verify: { args: [image: Uint8Array, options: VerifyOptions]; result: VerifyResult };
  replay: { args: [image: Uint8Array, options: ReplayOptions]; result: ReplayResult };
}

export type Verb = keyof Calls;

/** What a worker is started with. */
export type Call = { [V in Verb]: { verb: V; args: Calls[V]['args'] } }[Verb];

/** What a worker says. */
export type Message =
  | { kind: 'progress'; progress: Progress }
  | { kind: 'result'; result: Calls[Verb]['result'] }
  | { kind: 'failure'; failure: Failure; exitCode: ExitCode };
