// What a long run has found so far, kept in a file after every epoch: the same run, started again, goes on from there and
// ends in the same bytes. A run is a fixed sequence of steps with names; each step's result is looked up before it is made.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { writeWhole } from '../data/files.js';
import { BrownoutError } from '../error.js';
import { crc32 } from '../model/crc32.js';

type NumberArray = Float32Array | Uint32Array;

/** What a step left. */
export interface Entry {
  json: unknown;
  arrays: NumberArray[];
}

const MAGIC = 'BRNJ';
const VERSION = 1;
const HEAD_BYTES = 12;

/** A name for a run: of everything its result depends on. */
export function fingerprint(parts: readonly (string | ArrayBufferView)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (typeof part === 'string') hash.update(`${part.length}:${part}`);
    else hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return hash.digest('hex');
}

function refuse(path: string, found: string): never {
  throw new BrownoutError({
    code: 'E_JOURNAL',
    found: `${found} in "${path}"`,
    expected: 'the journal of this very run: model, data, options and seed',
    hint: `Repeat the command it belongs to, or remove the file to start anew.`,
  });
}

interface Header {
  run: string;
  entries: { key: string; json: unknown; arrays: ['f' | 'u', number][] }[];
}

/** The JSON at the front; undefined where it is not of that shape. */
function headerOf(bytes: Uint8Array): Header | undefined {
  try {
    const { run, entries } = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    ) as Partial<Header>;
    const sound =
      typeof run === 'string' &&
      Array.isArray(entries) &&
      entries.every(
        (entry) =>
          typeof entry?.key === 'string' &&
          Array.isArray(entry.arrays) &&
          entry.arrays.every(
            (array) =>
              (array?.[0] === 'f' || array?.[0] === 'u') && Number.isSafeInteger(array[1]) && array[1] >= 0,
          ),
      );
    return sound ? { run, entries } : undefined;
  } catch {
    return undefined;
  }
}

export class Journal {
  private readonly entries = new Map<string, Entry>();

  /** Opens `path`, which need not exist yet; without one nothing is kept. Throws `E_JOURNAL`. */
  constructor(
    private readonly run: string,
    private readonly path?: string,
  ) {
    if (path !== undefined && existsSync(path)) this.read(new Uint8Array(readFileSync(path)), path);
  }

  /** Steps found in the file. */
  get size(): number {
    return this.entries.size;
  }

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  /**
   * Refuses what a step kept unless it is what such a step keeps: a file with a right checksum may hold anything. Throws
   * `E_JOURNAL`.
   */
  expect(key: string, sound: boolean): void {
    if (!sound) refuse(this.path ?? '', `a step "${key}" that does not fit the model`);
  }

  put(key: string, json: unknown, arrays: readonly NumberArray[] = []): void {
    this.entries.set(key, { json, arrays: [...arrays] });
    this.write();
  }

  /** `json` of a step, an object of numbers, made if it is not there yet. Throws `E_JOURNAL`. */
  once<T extends object>(key: string, names: readonly (keyof T & string)[], make: () => T): T {
    const entry = this.entries.get(key);
    if (entry) {
      const found = (entry.json ?? {}) as Record<string, unknown>;
      this.expect(
        key,
        names.every((name) => Object.hasOwn(found, name) && Number.isFinite(found[name])),
      );
      return found as T;
    }
    const value = make();
    this.put(key, value);
    return value;
  }

  /** Replaces a step's entry by that of another. */
  replace(old: string, key: string, json: unknown, arrays: readonly NumberArray[]): void {
    this.entries.delete(old);
    this.put(key, json, arrays);
  }

  /** Removes the file: the run is over. */
  close(): void {
    if (this.path !== undefined) rmSync(this.path, { force: true });
  }

  private write(): void {
    if (this.path === undefined) return;
    const all = [...this.entries];
    const header = JSON.stringify({
      run: this.run,
      entries: all.map(([key, { json, arrays }]) => ({
        key,
        json,
        arrays: arrays.map((array) => [array instanceof Float32Array ? 'f' : 'u', array.length]),
      })),
    });
    const text = new TextEncoder().encode(header);
    const data = all.flatMap(([, { arrays }]) => arrays);
    const bytes = new Uint8Array(
      HEAD_BYTES + text.length + data.reduce((sum, { byteLength }) => sum + byteLength, 0) + 4,
    );
    bytes.set(new TextEncoder().encode(MAGIC));
    const view = new DataView(bytes.buffer);
    view.setUint32(4, VERSION, true);
    view.setUint32(8, text.length, true);
    bytes.set(text, HEAD_BYTES);
    let at = HEAD_BYTES + text.length;
    for (const array of data) {
      bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
      at += array.byteLength;
    }
    view.setUint32(at, crc32(bytes.subarray(0, at)), true);
    writeWhole(this.path, bytes);
  }

  private read(bytes: Uint8Array, path: string): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = bytes.length - 4;
    if (end < HEAD_BYTES || new TextDecoder().decode(bytes.subarray(0, 4)) !== MAGIC)
      refuse(path, 'no journal');
    if (view.getUint32(4, true) !== VERSION) refuse(path, `version ${view.getUint32(4, true)}`);
    if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) refuse(path, 'a damaged journal');
    const start = HEAD_BYTES + view.getUint32(8, true);
    const header = start > end ? undefined : headerOf(bytes.subarray(HEAD_BYTES, start));
    if (!header) refuse(path, 'a journal without contents');
    if (header.run !== this.run) refuse(path, 'the journal of another run');
    let at = start;
    for (const { key, json, arrays } of header.entries) {
      const values = arrays.map(([kind, length]) => {
        if (4 * length > end - at) refuse(path, `a step "${key}" that the file does not hold`);
        const { buffer } = bytes.slice(at, at + 4 * length);
        at += 4 * length;
        return kind === 'f' ? new Float32Array(buffer) : new Uint32Array(buffer);
      });
      this.entries.set(key, { json, arrays: values });
    }
    if (at !== end) refuse(path, 'numbers of no step');
  }
}
