// The option `layers` against a network: which ops learn, what of them.
import { BrownoutError } from '../error.js';
import { elementCount, type QuantizedNetwork } from '../model/quantized-network.js';
import { type Reach, reachOf, weightedIn } from './reach.js';
import { inputOf, isWeighted, outputRows, type WeightedOp } from './geometry.js';

/** One op that learns. */
export interface Selected {
  /** Index into the network's ops. */
  op: number;
  weights: boolean;
  /** [first, end) */
  rows: readonly [number, number];
}

/** The largest head that `auto` considers keeps one weight bank within this. */
const MOST_BANK_BYTES = 16384;

const padded = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Bytes of one weight bank: W8 and low bytes where weights learn, and folded biases. */
function weightBankBytes(network: QuantizedNetwork, selected: readonly Selected[]): number {
  return selected.reduce((sum, { op: index, weights }) => {
    const op = network.ops[index] as WeightedOp;
    return sum + (weights ? 2 * padded(op.weights.length) : 0) + padded(4 * outputRows(network, op));
  }, 0);
}

interface Context {
  network: QuantizedNetwork;
  reach: Reach;
  /** Ops with weights that errors reach, from the logits down. */
  reached: number[];
  text: string;
}

function fail(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found, expected, hint });
}

const possible = ({ reached }: Context): string =>
  reached.length === 0
    ? 'No layer of this network can learn.'
    : `Possible here: ${reached.length === 1 ? 'last' : `last, head:2 … head:${reached.length}`}, or layers by name.`;

/** Errors do not get as far as was asked. */
function refuseBeyond(context: Context): never {
  const { obstacle } = context.reach;
  if (!obstacle) fail('no layer with weights', 'a network that has some', possible(context));
  const { op, why } = obstacle;
  fail(
    `${op.kind} "${op.name}" on the way to the layers of "${context.text}": ${why}`,
    'ops that pass errors',
    possible(context),
  );
}

/** Why an op's weights cannot learn, though its biases can. */
function unlearnable(network: QuantizedNetwork, op: WeightedOp): string | undefined {
  if (op.kind !== 'circulant') return undefined;
  const inputs = elementCount(inputOf(network, op));
  return inputs % op.blockSize === 0 ? undefined : `${inputs} inputs are no whole blocks of ${op.blockSize}`;
}

function whole(context: Context, index: number, weights: boolean): Selected {
  const op = context.network.ops[index] as WeightedOp;
  const why = weights ? unlearnable(context.network, op) : undefined;
  if (why) {
    fail(`circulant "${op.name}": ${why}`, 'whole blocks', `Its biases can learn: ${op.name}:bias.`);
  }
  return { op: index, weights, rows: [0, outputRows(context.network, op)] };
}

/** `a-b`, both included, of a layer's output rows; of circulant layers whole blocks. */
function parseRows(context: Context, index: number, range: string): readonly [number, number] {
  const op = context.network.ops[index] as WeightedOp;
  const most = outputRows(context.network, op);
  const [, first, last] = /^(\d+)-(\d+)$/.exec(range) ?? [];
  const rows = [Number(first), Number(last) + 1] as const;
  const k = op.kind === 'circulant' ? op.blockSize : 1;
  const aligned = rows[0] % k === 0 && (rows[1] % k === 0 || rows[1] === most);
  if (first === undefined || rows[0] >= rows[1] || rows[1] > most || !aligned) {
    const blocks = k > 1 ? `, whole blocks of ${k}` : '';
    fail(
      `"${op.name}:${range}"`,
      `bias, or rows a-b within 0-${most - 1}${blocks}`,
      'Both ends are included.',
    );
  }
  return rows;
}

function named(context: Context, item: string): Selected {
  const { network, reached } = context;
  const layersCalled = (name: string): number[] =>
    network.ops.flatMap((op, i) => (isWeighted(op) && op.name === name ? [i] : []));
  const colon = item.lastIndexOf(':');
  const exact = layersCalled(item);
  const found = exact.length > 0 || colon < 0 ? exact : layersCalled(item.slice(0, colon));
  const part = exact.length > 0 || colon < 0 ? undefined : item.slice(colon + 1);
  if (found.length !== 1) {
    const names = reached.map((i) => network.ops[i]!.name).join(', ');
    const what = found.length === 0 ? `no layer "${item}"` : `${found.length} layers "${item}"`;
    fail(what, 'last, bias, head:N, all, or names of layers', `Layers that can learn: ${names || 'none'}.`);
  }
  const index = found[0]!;
  if (!reached.includes(index)) refuseBeyond(context);
  if (part === 'bias') return whole(context, index, false);
  const selected = whole(context, index, true);
  return part === undefined ? selected : { ...selected, rows: parseRows(context, index, part) };
}

function head(context: Context, count: number, weights = true): Selected[] {
  const { reached } = context;
  const total = context.network.ops.filter(isWeighted).length;
  if (count > reached.length) {
    if (count <= total) refuseBeyond(context);
    fail(`head:${count}`, `at most ${total}, the layers with weights`, possible(context));
  }
  return reached.slice(0, count).map((index) => whole(context, index, weights));
}

/** Heads by gradients to choose from: `last`, and the largest whose weight bank is at most 16 KB, if that is another. */
export function headsOf(network: QuantizedNetwork): string[] {
  const reach = reachOf(network);
  const reached = weightedIn(network, reach);
  const context = { network, reach, reached, text: 'last' };
  const learns = (index: number): boolean => !unlearnable(network, network.ops[index] as WeightedOp);
  let count = 1;
  for (; count < reached.length; count++) {
    if (!reached.slice(0, count + 1).every(learns)) break;
    if (weightBankBytes(network, head(context, count + 1)) > MOST_BANK_BYTES) break;
  }
  return count > 1 ? ['last', `head:${count}`] : ['last'];
}

/**
 * What learns, from the logits down: `last`, `bias`, `head:N`, `all`, or names `layer`, `layer:bias`, `layer:a-b` with commas
 * between. Errors: E_LEARN.
 */
export function selectLayers(network: QuantizedNetwork, reach: Reach, text: string): Selected[] {
  const reached = weightedIn(network, reach);
  const context = { network, reach, reached, text };
  const total = network.ops.filter(isWeighted).length;
  if (reached.length === 0) refuseBeyond(context);
  const [, count] = /^head:(\d+)$/.exec(text) ?? [];
  if (text === 'last') return head(context, 1);
  if (text === 'all') return head(context, total);
  if (text === 'bias') return head(context, total, false);
  if (count !== undefined) {
    if (Number(count) < 1) fail(`"${text}"`, 'head:N with N from 1', possible(context));
    return head(context, Number(count));
  }
  const selected = text.split(',').map((item) => named(context, item.trim()));
  const again = selected.find(({ op }, i) => selected.findIndex((other) => other.op === op) !== i);
  if (again) fail(`layer "${network.ops[again.op]!.name}" twice in "${text}"`, 'each once', 'Name it once.');
  return selected.sort((a, b) => reached.indexOf(a.op) - reached.indexOf(b.op));
}
