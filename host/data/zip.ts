// The members of a zip file: stored or deflated, ZIP64 too. Ours, because a member is handed out only after its CRC-32
// matched, no two members share bytes, and what a file unpacks to is bounded: no small library does all three.
import { inflateRawSync } from 'node:zlib';
import { BrownoutError } from '../error.js';
import { crc32 } from '../model/crc32.js';

/** Bytes that all members together may unpack to. */
const MOST_BYTES = 1 << 30;
const NOT_HERE = 0xffffffff;
const END = { signature: 0x06054b50, bytes: 22 };
const END64 = { signature: 0x06064b50, bytes: 56, locator: 0x07064b50, locatorBytes: 20 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };

interface Entry {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  local: number;
}

function refuse(
  found: string,
  expected: string,
  hint = 'The file is cut off or damaged: save or copy it again.',
): never {
  throw new BrownoutError({ code: 'E_NPZ', found, expected, hint });
}

/** A 64-bit number, as one that the file's length bounds. */
function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** How many entries the directory has, and where it begins. */
function findDirectory(view: DataView): { count: number; start: number; end: number } {
  // A comment of up to 65,535 bytes may follow.
  const least = Math.max(0, view.byteLength - END.bytes - 65535);
  let end = view.byteLength - END.bytes;
  while (end >= least && view.getUint32(end, true) !== END.signature) end--;
  if (end < least) refuse('no directory', 'a whole zip file');
  const [count, start] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  const locator = end - END64.locatorBytes;
  if (locator < 0 || view.getUint32(locator, true) !== END64.locator) return { count, start, end };
  const end64 = wide(view, locator + 8);
  if (end64 > locator - END64.bytes || view.getUint32(end64, true) !== END64.signature)
    refuse('a ZIP64 directory outside the file', 'a whole zip file');
  return { count: wide(view, end64 + 32), start: wide(view, end64 + 48), end: end64 };
}

/** Sizes and place that did not fit in 32 bits, from the ZIP64 field of an entry. */
function widen(entry: Entry, view: DataView, from: number, to: number): void {
  for (let at = from; at + 4 <= to;) {
    const [id, bytes] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    const end = at + 4 + bytes;
    if (end > to) refuse(`a field of ${bytes} bytes at "${entry.name}"`, 'one inside its entry');
    if (id === 1) {
      let field = at + 4;
      for (const key of ['size', 'packed', 'local'] as const) {
        if (entry[key] !== NOT_HERE) continue;
        if (field + 8 > end) refuse(`no ${key} of "${entry.name}"`, 'a whole ZIP64 field');
        entry[key] = wide(view, field);
        field += 8;
      }
    }
    at = end;
  }
}

function readDirectory(bytes: Uint8Array, view: DataView): Entry[] {
  const { count, start, end } = findDirectory(view);
  const entries: Entry[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY.bytes > end || view.getUint32(at, true) !== ENTRY.signature)
      refuse(`entry ${i} of ${count} outside the directory`, 'a whole directory');
    const [nameBytes, extraBytes, comment] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    ) as [number, number, number];
    const names = at + ENTRY.bytes;
    const extra = names + nameBytes;
    const next = extra + extraBytes + comment;
    if (next > end) refuse(`entry ${i} of ${count} outside the directory`, 'a whole directory');
    const entry: Entry = {
      name: new TextDecoder().decode(bytes.subarray(names, extra)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      local: view.getUint32(at + 42, true),
    };
    widen(entry, view, extra, extra + extraBytes);
    entries.push(entry);
    at = next;
  }
  return entries;
}

/** Where a member's bytes begin. Throws `E_NPZ` if its own header says otherwise than the directory. */
function contentStart(view: DataView, { name, local, packed, method }: Entry): number {
  if (local + LOCAL.bytes > view.byteLength || view.getUint32(local, true) !== LOCAL.signature)
    refuse(`"${name}" outside the file`, 'it inside');
  const start = local + LOCAL.bytes + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > view.byteLength) refuse(`"${name}" of ${packed} bytes`, 'it inside the file');
  if (view.getUint16(local + 8, true) !== method) refuse(`"${name}" packed in two ways`, 'one');
  return start;
}

function unpack(content: Uint8Array, { name, method, size, crc }: Entry): Uint8Array {
  let raw = content;
  if (method === 8) {
    try {
      raw = inflateRawSync(content, { maxOutputLength: size + 1 });
    } catch {
      refuse(`"${name}" that does not unpack to ${size} bytes`, 'what the directory says');
    }
  }
  if (raw.length !== size) refuse(`"${name}" of ${raw.length} bytes`, `${size}, as the directory says`);
  if (crc32(raw) !== crc) refuse(`"${name}" with another CRC-32 than was saved`, 'the bytes that were saved');
  return raw;
}

/**
 * The members whose name ends as `suffix`, each unpacked when it is asked for. Throws `E_NPZ` on damage, members that
 * overlap, two of one name, encryption, and more than 1 GB in all.
 */
export function readZip(
  bytes: Uint8Array,
  suffix: string,
): { names: string[]; member: (name: string) => Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = readDirectory(bytes, view);
  const starts = new Map<string, number>();
  let [past, total] = [0, 0];
  for (const entry of [...all].sort((a, b) => a.local - b.local)) {
    const { name, local, packed, size, method, flags } = entry;
    const start = contentStart(view, entry);
    if (local < past) refuse(`"${name}" over another member`, 'members that do not overlap');
    past = start + packed;
    if (!name.endsWith(suffix)) continue;
    if (starts.has(name)) refuse(`two members "${name}"`, 'one of a name');
    if (flags & 1) refuse(`"${name}", encrypted`, 'members in the clear', 'Save it without a password.');
    if (method !== 0 && method !== 8)
      refuse(
        `"${name}" packed by method ${method}`,
        'stored or deflated',
        'Save it with numpy.savez or savez_compressed.',
      );
    total += size;
    if (total > MOST_BYTES)
      refuse(`members of more than ${MOST_BYTES} bytes`, 'at most those', 'Save fewer samples.');
    starts.set(name, start);
  }
  const entries = new Map(all.map((entry) => [entry.name, entry]));
  return {
    // In the order of the directory.
    names: all.map(({ name }) => name).filter((name) => name.endsWith(suffix)),
    member(name) {
      const [entry, start] = [entries.get(name)!, starts.get(name)!];
      return unpack(bytes.subarray(start, start + entry.packed), entry);
    },
  };
}
