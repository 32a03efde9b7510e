// A tiny .tflite writer for tests: tables, vectors and scalars, laid out front to back.
type Field = { kind: 'scalar'; bytes: number[] } | { kind: 'offset'; node: Node };
export type Node = { fields?: Map<number, Field>; vector?: { size: number; bytes: number[] } | Node[] };

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);

export const i8 = (value: number): Field => ({ kind: 'scalar', bytes: le(value & 255, 1) });
export const i32 = (value: number): Field => ({ kind: 'scalar', bytes: le(value >>> 0, 4) });
export const f32 = (value: number): Field => {
  return { kind: 'scalar', bytes: [...new Uint8Array(Float32Array.of(value).buffer)] };
};
export const ref = (node: Node): Field => ({ kind: 'offset', node });
export const table = (fields: Record<number, Field>): Node => {
  return { fields: new Map(Object.entries(fields).map(([key, value]) => [Number(key), value])) };
};
export const bytesVector = (bytes: ArrayLike<number>): Field =>
  ref({ vector: { size: 1, bytes: Array.from(bytes, (byte) => byte & 255) } });
export const i32Vector = (values: readonly number[]): Field =>
  ref({ vector: { size: 4, bytes: values.flatMap((value) => le(value >>> 0, 4)) } });
export const f32Vector = (values: readonly number[]): Field =>
  ref({ vector: { size: 4, bytes: [...new Uint8Array(Float32Array.from(values).buffer)] } });
export const i64Vector = (values: readonly number[]): Field => {
  return ref({
    vector: {
      size: 8,
      bytes: values.flatMap((value) => [...le(value >>> 0, 4), ...le(value < 0 ? -1 >>> 0 : 0, 4)]),
    },
  });
};
export const nodes = (list: Node[]): Field => ref({ vector: list });

/** Lays a root table and all it refers to out as a flatbuffer. */
export function writeFlatbuffer(root: Node, identifier: string): Uint8Array {
  const out: number[] = [0, 0, 0, 0, ...[...identifier].map((c) => c.charCodeAt(0))];
  const patch = (at: number, value: number): void => {
    le(value, 4).forEach((byte, i) => {
      out[at + i] = byte;
    });
  };
  const align = (bytes: number): void => {
    while (out.length % bytes) out.push(0);
  };
  const place = (node: Node): number => {
    if (node.vector) {
      const list = node.vector;
      align(4);
      // Elements of 8 bytes are aligned behind the length.
      if (!Array.isArray(list) && list.size === 8 && out.length % 8 === 0) out.push(0, 0, 0, 0);
      const at = out.length;
      if (!Array.isArray(list)) {
        out.push(...le(list.bytes.length / list.size, 4));
        for (const byte of list.bytes) out.push(byte);
        return at;
      }
      out.push(...le(list.length, 4), ...list.flatMap(() => [0, 0, 0, 0]));
      list.forEach((item, i) => {
        patch(at + 4 + i * 4, place(item) - (at + 4 + i * 4));
      });
      return at;
    }
    const fields = node.fields!;
    const most = Math.max(-1, ...fields.keys());
    align(4);
    const vtable = out.length;
    const size = 4 + (most + 1) * 2;
    const offsets = new Map<number, number>();
    let body = 4;
    for (const [key, field] of fields) {
      offsets.set(key, body);
      body += field.kind === 'scalar' ? Math.ceil(field.bytes.length / 4) * 4 : 4;
    }
    out.push(...le(size, 2), ...le(body, 2));
    for (let key = 0; key <= most; key++) out.push(...le(offsets.get(key) ?? 0, 2));
    align(4);
    const at = out.length;
    out.push(...le(at - vtable, 4));
    for (let i = 4; i < body; i++) out.push(0);
    for (const [key, field] of fields) {
      if (field.kind !== 'scalar') continue;
      field.bytes.forEach((byte, i) => {
        out[at + offsets.get(key)! + i] = byte;
      });
    }
    for (const [key, field] of fields) {
      if (field.kind === 'offset')
        patch(at + offsets.get(key)!, place(field.node) - (at + offsets.get(key)!));
    }
    return at;
  };
  patch(0, place(root));
  return Uint8Array.from(out);
}
