// What the command line says of samples and power, as the API takes it.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { textOf } from '../data/csv.js';
import { readUserFile } from '../data/files.js';
import type { InputArray, ReadAs } from '../data/model-input.js';
import { inputFor } from '../data/samples.js';
import { readImage } from '../model/image.js';
import { isGenerator } from '../power/source.js';
import { parseTrace, type Trace, type TraceOptions } from '../power/trace.js';

type TraceFile = Pick<TraceOptions, 'loadOhm' | 'currentUnit'>;

/** A generator as it is, or a recording. */
export function traceOf(path: string, { loadOhm, currentUnit }: TraceFile): string | Trace {
  if (isGenerator(path) && !existsSync(path)) return path;
  return parseTrace(textOf(readUserFile(path)), {
    name: basename(path),
    ...(loadOhm === undefined ? {} : { loadOhm }),
    ...(currentUnit === undefined ? {} : { currentUnit }),
  });
}

interface FilesOfPower extends TraceFile {
  input?: string;
  as?: ReadAs;
  trace?: string;
}

/** Options with what is in the files in place of their names. `image`: its bytes. */
export function powerOf<T extends FilesOfPower>(
  options: T,
  image: Uint8Array,
): Omit<T, keyof FilesOfPower> & { input?: InputArray; trace?: string | Trace } {
  const { input, as, trace, loadOhm, currentUnit, ...rest } = options;
  return {
    ...rest,
    ...(input === undefined ? {} : { input: inputFor(input, readImage(image), as).array }),
    ...(trace === undefined
      ? {}
      : {
          trace: traceOf(trace, {
            ...(loadOhm === undefined ? {} : { loadOhm }),
            ...(currentUnit === undefined ? {} : { currentUnit }),
          }),
        }),
  };
}
