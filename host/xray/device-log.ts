// What a device logs of a run, and reading it back (docs/XRAY.md): pieces of NVM, each as it was when an op had ended.
import { BrownoutError, checkBytes, checkFields, checkList } from '../error.js';
import type { Image } from '../model/image.js';
import { hex } from '../model/image-error.js';
import { type DeviceRun, layersOf, type LayerPlace, valuesAt } from './layers.js';

/** "BRNL" */
const MAGIC = 0x4c4e5242;
const VERSION = 1;
const HEADER_BYTES = 12;
const RECORD_BYTES = 16;
/** In place of an op: the input, before the first. */
export const LOG_INPUT = 0xffffffff;

/** Bytes of NVM as they were when an op had ended, as a device logs them. */
export interface LogRecord {
  ticket: number;
  /** Index of the op record that had just ended, or LOG_INPUT. */
  op: number;
  /** Where in NVM the bytes lay, counted from the image's base. */
  address: number;
  bytes: Uint8Array;
}

function refuse(found: string, expected: string): never {
  const hint = 'docs/XRAY.md says how a device writes it.';
  throw new BrownoutError({ code: 'E_LOG', found, expected, hint });
}

/** Records as the bytes of a log file, for `xray` and `readLog`. */
export function writeLog(imageId: number, records: readonly LogRecord[]): Uint8Array {
  checkList(records, 'records');
  const size = records.reduce((sum, { bytes }) => sum + RECORD_BYTES + bytes.length, HEADER_BYTES);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  [MAGIC, VERSION, imageId].forEach((value, i) => view.setUint32(i * 4, value, true));
  let at = HEADER_BYTES;
  for (const { ticket, op, address, bytes } of records) {
    [ticket, op, address, bytes.length].forEach((value, i) => view.setUint32(at + i * 4, value, true));
    file.set(bytes, at + RECORD_BYTES);
    at += RECORD_BYTES + bytes.length;
  }
  return file;
}

/** Reads a log of `image`. Throws `E_LOG`. */
export function readLog(file: Uint8Array, image: Image): LogRecord[] {
  checkBytes(file, 'a log of a device');
  checkFields(image, 'an image, as `readImage` gives it', 'imageId');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC)
    refuse(`a file of ${file.length} bytes that does not begin with "BRNL"`, 'a log of a device');
  if (view.getUint32(4, true) !== VERSION) refuse(`version ${view.getUint32(4, true)}`, `${VERSION}`);
  const imageId = view.getUint32(8, true);
  if (imageId !== image.imageId) refuse(`a log of image ${hex(imageId)}`, `one of ${hex(image.imageId)}`);
  const records: LogRecord[] = [];
  for (let at = HEADER_BYTES; at < file.length;) {
    if (file.length - at < RECORD_BYTES) refuse(`${file.length - at} bytes behind the last record`, 'none');
    const [ticket, op, address, length] = [0, 4, 8, 12].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
      number,
    ];
    const start = at + RECORD_BYTES;
    if (length > file.length - start)
      refuse(`a record of ${length} bytes at byte ${at}`, `${file.length - start} at most`);
    if (op !== LOG_INPUT && op >= image.ops.length)
      refuse(`op ${op} at byte ${at}`, `0–${image.ops.length - 1}`);
    records.push({ ticket, op, address, bytes: file.subarray(start, start + length) });
    at = start + length;
  }
  return records;
}

/** The tensor at a place, from the records of one job; undefined if no record holds all of it. */
function find(records: readonly LogRecord[], place: LayerPlace): Uint8Array | undefined {
  const record = records.find(({ op, address, bytes }) => {
    return (
      op === place.op && address <= place.address && address + bytes.length >= place.address + place.bytes
    );
  });
  return record?.bytes.subarray(place.address - record.address, place.address - record.address + place.bytes);
}

/** What the logged jobs computed: those of which input and every op are there. Throws `E_LOG`. */
export function runFromLog(file: Uint8Array, image: Image): DeviceRun {
  const records = readLog(file, image);
  const layers = layersOf(image);
  const run: DeviceRun = { inputs: [], layers: layers.map((place) => ({ ...place, values: [] })) };
  const { offset, bytes } = image.input;
  const input: LayerPlace = {
    ...layers[0]!,
    op: LOG_INPUT,
    address: offset,
    bytes,
    spec: image.metadata.input,
  };
  for (const ticket of new Set(records.map((record) => record.ticket))) {
    const own = records.filter((record) => record.ticket === ticket);
    const tensors = [input, ...layers].map((place) => {
      const found = find(own, place);
      const what = place === input ? 'the input' : `op ${place.op} "${place.name}"`;
      return found ?? refuse(`ticket ${ticket} without ${what}`, 'the input and every op’s output');
    });
    run.inputs.push(valuesAt(tensors[0]!, input));
    layers.forEach((place, i) => run.layers[i]!.values.push(valuesAt(tensors[i + 1]!, place)));
  }
  if (run.inputs.length === 0) refuse('no records', 'those of one job at least');
  return run;
}
