// Protocol buffers, as far as ONNX files use them; every length checked against the message it is in.
import { BrownoutError } from '../../error.js';

/** Throws `E_ONNX`: the file is not what an exporter writes. */
export function damaged(found: string, expected: string): never {
  throw new BrownoutError({
    code: 'E_ONNX',
    found,
    expected,
    hint: 'The file is damaged, or no ONNX model: export or copy it again.',
  });
}

/** Values of one field, in order: numbers, 32 and 64 bits as they are, or bytes. */
type Field = { number: bigint } | { bytes: Uint8Array };

/** Fields a message may have: far more than a model of this size needs. */
const MOST_FIELDS = 1 << 20;

export class Message {
  readonly #fields = new Map<number, Field[]>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const need = (count: number): void => {
      if (count > bytes.length - at) damaged(`a field of ${count} bytes`, `${bytes.length - at} at most`);
    };
    const varint = (): bigint => {
      let [value, shift] = [0n, 0n];
      for (;;) {
        need(1);
        const byte = bytes[at++]!;
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return BigInt.asUintN(64, value);
        shift += 7n;
        if (shift > 63n) damaged('a number of more than 64 bits', 'one of 64');
      }
    };
    for (let count = 0; at < bytes.length; count++) {
      if (count > MOST_FIELDS) damaged(`more than ${MOST_FIELDS} fields`, 'fewer');
      const key = varint();
      const [id, wire] = [Number(key >> 3n), Number(key & 7n)];
      let field: Field;
      if (![0, 1, 2, 5].includes(wire)) damaged(`a field of wire type ${wire}`, '0, 1, 2 or 5');
      if (wire === 0) field = { number: varint() };
      else if (wire === 1 || wire === 5) {
        const size = wire === 1 ? 8 : 4;
        need(size);
        field = { number: size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)) };
        at += size;
      } else {
        const size = Number(varint());
        need(size);
        field = { bytes: bytes.subarray(at, at + size) };
        at += size;
      }
      const list = this.#fields.get(id);
      if (list) list.push(field);
      else this.#fields.set(id, [field]);
    }
  }

  /** Every value of field `id` as bytes. */
  all(id: number): Uint8Array[] {
    return (this.#fields.get(id) ?? []).map((field) => {
      return 'bytes' in field ? field.bytes : damaged(`a number in field ${id}`, 'bytes');
    });
  }

  messages(id: number): Message[] {
    return this.all(id).map((bytes) => new Message(bytes));
  }

  message(id: number): Message {
    return new Message(this.all(id).at(-1) ?? new Uint8Array());
  }

  text(id: number): string {
    return new TextDecoder().decode(this.all(id).at(-1)?.subarray(0, 4096));
  }

  has(id: number): boolean {
    return this.#fields.has(id);
  }

  /** Whole numbers, packed or not. */
  integers(id: number): number[] {
    const values: number[] = [];
    for (const field of this.#fields.get(id) ?? []) {
      if ('number' in field) values.push(Number(BigInt.asIntN(64, field.number)));
      else {
        // A packed list is a run of varints: one message field each would do, so read it the same way.
        let [value, shift] = [0n, 0n];
        for (const byte of field.bytes) {
          value |= BigInt(byte & 127) << shift;
          shift += 7n;
          if (byte >= 128 && shift < 70n) continue;
          values.push(Number(BigInt.asIntN(64, value)));
          [value, shift] = [0n, 0n];
        }
      }
    }
    return values;
  }

  integer(id: number, absent = 0): number {
    return this.integers(id).at(-1) ?? absent;
  }

  /** 64-bit reals, packed or not. */
  doubles(id: number): number[] {
    return (this.#fields.get(id) ?? []).flatMap((field) => {
      const bytes = 'bytes' in field ? field.bytes : new Uint8Array(BigUint64Array.of(field.number).buffer);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.length >> 3 }, (_, i) => view.getFloat64(i * 8, true));
    });
  }

  /** 32-bit reals, packed or not. */
  floats(id: number): number[] {
    return (this.#fields.get(id) ?? []).flatMap((field) => {
      const bytes =
        'bytes' in field
          ? field.bytes
          : new Uint8Array(Uint32Array.of(Number(field.number & 0xffffffffn)).buffer);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(i * 4, true));
    });
  }
}
