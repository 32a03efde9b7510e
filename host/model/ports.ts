// Several inputs, or several outputs: parts of one tensor that an image takes or gives, by name.
import { elementCount, type Port, type TensorSpec } from './quantized-network.js';

export type { Port };

/** The tensor that ports are parts of: their integers side by side, in order. */
export function packed(ports: readonly Port[]): TensorSpec {
  const count = ports.reduce((sum, { tensor }) => sum + elementCount(tensor), 0);
  const { dtype } = ports[0]!.tensor;
  return { shape: [count], scale: 1, zeroPoint: 0, ...(dtype ? { dtype } : {}) };
}

/** Where each port begins, in elements. */
export function offsetsOf(ports: readonly Port[]): number[] {
  let at = 0;
  return ports.map(({ tensor }) => {
    at += elementCount(tensor);
    return at - elementCount(tensor);
  });
}

/** Whether ports, as a file has them, fill a tensor; absent ones are sound. */
export function arePorts(
  value: unknown,
  whole: TensorSpec | undefined,
  isTensor: (tensor: unknown) => tensor is TensorSpec,
): value is Port[] | undefined {
  if (value === undefined) return true;
  if (!Array.isArray(value) || value.length === 0 || !whole) return false;
  const sound = value.every((port: Partial<Port> | null) => {
    const { preprocessing } = port ?? {};
    const range = preprocessing === undefined || typeof preprocessing?.minimum === 'number';
    return (
      typeof port?.name === 'string' && isTensor(port.tensor) && range && port.tensor.dtype === whole.dtype
    );
  });
  return sound && elementCount(packed(value as Port[])) === elementCount(whole);
}
