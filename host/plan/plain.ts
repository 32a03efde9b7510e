// Which ops need none of the kernels' special paths, so that a build for one image may leave those out.
import {
  CIRC_CENTRE,
  CIRC_FACTOR,
  DENSE_CHUNK,
  DENSE_INPUTS,
  OP_TILES,
  OpKind,
  WIN_DILATION,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import type { OpRecord } from '../model/record.js';

/** Whether no window reaches over an edge of the map, and the taps of each lie side by side. */
function staysInside(op: OpRecord): boolean {
  const width = op.get(WIN_OUTPUT_WIDTH);
  const outputs = [op.get(OP_TILES) / Math.ceil(width / op.get(WIN_TILE_COLUMNS)), width];
  return [op.get(WIN_INPUT_HEIGHT), op.get(WIN_INPUT_WIDTH)].every((inputs, axis) => {
    const [kernel, stride, dilation, padding] = [WIN_KERNEL, WIN_STRIDE, WIN_DILATION, WIN_PADDING].map(
      (field) => op.getPair(field)[axis]!,
    ) as [number, number, number, number];
    return dilation === 1 && padding === 0 && (outputs[axis]! - 1) * stride + kernel <= inputs;
  });
}

/** Whether `OP_FLAG_PLAIN` holds of an op. */
export function isPlain(op: OpRecord): boolean {
  switch (op.inference) {
    case OpKind.CONV2D:
      return op.get(WIN_PART) === 0 && staysInside(op);
    case OpKind.DEPTHWISE_CONV2D:
    case OpKind.MAX_POOL:
    case OpKind.AVG_POOL:
    case OpKind.PAD:
      return staysInside(op);
    case OpKind.DENSE:
      return op.get(DENSE_CHUNK) === op.get(DENSE_INPUTS);
    case OpKind.CIRCULANT_NTT:
      return op.get(CIRC_CENTRE) === 0 && op.get(CIRC_FACTOR) === 0;
    default:
      return true;
  }
}
