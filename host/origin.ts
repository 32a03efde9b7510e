// What a result was made from: enough to make it again, and to see whether two results are of the same things.
import { createHash } from 'node:crypto';
import { packageVersion } from './package.js';

/** SHA-256 sums are of bytes, in hex; what did not enter the result is absent. */
export interface Origin {
  /** Of brownout. */
  version: string;
  /** Of the .brn file as given, or as it was made. */
  imageSha256?: string;
  /** Of the model's file that an image is made of. */
  modelSha256?: string;
  /** Of the device module as it ran, before metering. */
  moduleSha256?: string;
  /** Of the trace as it is played (host/power/source.ts, `traceBytes`). */
  traceSha256?: string;
  /** Of everything random. */
  seed?: number;
}

/** SHA-256 of bytes, in hex. */
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Sources {
  image?: Uint8Array;
  model?: Uint8Array;
  module?: Uint8Array;
  trace?: Uint8Array;
  seed?: number;
}

export function originOf({ image, model, module, trace, seed }: Sources): Origin {
  return {
    version: packageVersion(),
    ...(image ? { imageSha256: sha256(image) } : {}),
    ...(model ? { modelSha256: sha256(model) } : {}),
    ...(module ? { moduleSha256: sha256(module) } : {}),
    ...(trace ? { traceSha256: sha256(trace) } : {}),
    ...(seed === undefined ? {} : { seed }),
  };
}
