// What the command line says of samples and power, as the API takes it.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { textOf } from '../data/csv.js';
import { readUserFile } from '../data/files.js';
import type { GivenInputs } from '../data/given-inputs.js';
import { readInputFiles } from '../data/input-files.js';
import type { ReadAs } from '../data/model-input.js';
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

type Power<T> = Omit<T, keyof FilesOfPower> & GivenInputs & { trace?: string | Trace };

/** Options with what is in the files in place of their names; `said`: how inputs were read. `image`: its bytes. */
export function powerOf<T extends FilesOfPower>(
  options: T,
  image: Uint8Array,
): { power: Power<T>; said: string } {
  const { input, as, trace, loadOhm, currentUnit, ...rest } = options;
  const files = input === undefined ? undefined : readInputFiles(input, readImage(image), as);
  const units = {
    ...(loadOhm === undefined ? {} : { loadOhm }),
    ...(currentUnit === undefined ? {} : { currentUnit }),
  };
  const power = {
    ...rest,
    ...files?.given,
    ...(trace === undefined ? {} : { trace: traceOf(trace, units) }),
  };
  return { power, said: files?.said ?? '' };
}
