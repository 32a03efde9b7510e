// An append-only file of what devices sent: each record behind a checksum, on disk before it counts. A record that a crash
// has torn is the last one, and nobody was told that it counts.
import {
  closeSync,
  existsSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { BrownoutError } from '../error.js';
import { crc32 } from '../model/crc32.js';

/** Where a record's payload lies in the file. */
export interface LogEntry {
  at: number;
  bytes: number;
  /** Of the whole record. */
  start: number;
  end: number;
}

export interface LogRecord {
  device: string;
  version: number;
  samples: number;
  payload: Uint8Array;
}

/** Length of what follows, its CRC-32, version, samples, bytes of the name. */
const HEADER_BYTES = 20;
/** No record is longer. */
const MOST_BYTES = 1 << 24;
/** Bytes that do not count any more, for each that does, before the file is written anew. */
const MOST_WASTE = 4;
const LEAST_COMPACTED = 1 << 20;

const sync = promisify(fdatasync);

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_STORE', found, expected, hint });
}

function encode({ device, version, samples, payload }: LogRecord): Uint8Array {
  const name = new TextEncoder().encode(device);
  const record = new Uint8Array(HEADER_BYTES + name.length + payload.length);
  const view = new DataView(record.buffer);
  view.setUint32(8, version, true);
  view.setUint32(12, samples, true);
  view.setUint32(16, name.length, true);
  record.set(name, HEADER_BYTES);
  record.set(payload, HEADER_BYTES + name.length);
  view.setUint32(0, record.length - 8, true);
  view.setUint32(4, crc32(record.subarray(8)), true);
  return record;
}

/** Whether a process with this number is alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes the file for this process alone. */
function lock(path: string): string {
  const name = `${path}.lock`;
  const holder = existsSync(name) ? Number(readFileSync(name, 'utf8')) : 0;
  if (holder > 0 && holder !== process.pid && isAlive(holder))
    refuse(
      `"${path}" in use by process ${holder}`,
      'one gateway a store',
      'Stop the other one, or give another --store.',
    );
  writeFileSync(name, `${process.pid}`);
  return name;
}

export class FleetLog {
  #end = 0;

  private constructor(
    readonly path: string,
    private file: number,
    private readonly lockFile: string,
  ) {}

  /** Opens the file, made if it is not there. Throws `E_STORE`. */
  static open(path: string): FleetLog {
    try {
      mkdirSync(dirname(path), { recursive: true });
      const lockFile = lock(path);
      const log = new FleetLog(path, openSync(path, existsSync(path) ? 'r+' : 'w+'), lockFile);
      FleetLog.#settle(dirname(path));
      return log;
    } catch (error) {
      if (error instanceof BrownoutError) throw error;
      const reason = (error as NodeJS.ErrnoException).code ?? 'error';
      return refuse(
        `${reason} on opening "${path}"`,
        'a folder that can be written',
        'Give another --store.',
      );
    }
  }

  /** That a file is there is on disk, too. */
  static #settle(folder: string): void {
    const file = openSync(folder, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Every record, in order; what follows the last whole one is cut off. */
  *read(): Generator<LogRecord & { entry: LogEntry }> {
    const size = fstatSync(this.file).size;
    while (this.#end + HEADER_BYTES <= size) {
      const start = this.#end;
      const header = new DataView(this.#bytes(start, HEADER_BYTES).buffer);
      const length = header.getUint32(0, true);
      if (length < HEADER_BYTES - 8 || length > MOST_BYTES || start + 8 + length > size) break;
      const record = this.#bytes(start + 8, length);
      const nameBytes = header.getUint32(16, true);
      if (crc32(record) !== header.getUint32(4, true) || nameBytes > length - 12) break;
      const device = new TextDecoder().decode(record.subarray(12, 12 + nameBytes));
      const payload = record.slice(12 + nameBytes);
      this.#end = start + 8 + length;
      const entry = { at: start + HEADER_BYTES + nameBytes, bytes: payload.length, start, end: this.#end };
      yield {
        device,
        version: header.getUint32(8, true),
        samples: header.getUint32(12, true),
        payload,
        entry,
      };
    }
    if (size > this.#end) ftruncateSync(this.file, this.#end);
  }

  /** Returns when the records are on disk. Until then nothing else may be written. */
  async append(records: readonly LogRecord[]): Promise<LogEntry[]> {
    if (records.length === 0) return [];
    let end = this.#end;
    const parts = records.map(encode);
    const entries = records.map(({ payload }, i): LogEntry => {
      const start = end;
      end += parts[i]!.length;
      return { at: end - payload.length, bytes: payload.length, start, end };
    });
    const bytes = Buffer.concat(parts);
    writeSync(this.file, bytes, 0, bytes.length, this.#end);
    await sync(this.file);
    this.#end = end;
    return entries;
  }

  payloadOf({ at, bytes }: LogEntry): Uint8Array {
    return this.#bytes(at, bytes);
  }

  /** Whether most of the file no longer counts. */
  isSparse(records: number, payloadBytes: number): boolean {
    return (
      this.#end > LEAST_COMPACTED &&
      this.#end > (MOST_WASTE + 1) * records * (payloadBytes + 2 * HEADER_BYTES)
    );
  }

  /** Writes these records, and no others, to a new file that takes the place of this one. Returns where they are. */
  compact(entries: readonly LogEntry[]): LogEntry[] {
    const part = `${this.path}.part`;
    const fresh = openSync(part, 'w+');
    let end = 0;
    const moved = entries.map(({ at, bytes, start, end: last }) => {
      const record = this.#bytes(start, last - start);
      writeSync(fresh, record, 0, record.length, end);
      end += record.length;
      const from = end - record.length;
      return { at: from + at - start, bytes, start: from, end };
    });
    fsyncSync(fresh);
    renameSync(part, this.path);
    FleetLog.#settle(dirname(this.path));
    closeSync(this.file);
    this.file = fresh;
    this.#end = end;
    return moved;
  }

  close(): void {
    closeSync(this.file);
    rmSync(this.lockFile, { force: true });
  }

  #bytes(at: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let done = 0; done < count;) {
      const got = readSync(this.file, bytes, done, count - done, at + done);
      if (got === 0)
        refuse(
          `"${this.path}" shorter than it was`,
          'a file that nobody else writes',
          'Stop what writes it.',
        );
      done += got;
    }
    return bytes;
  }
}
