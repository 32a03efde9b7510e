// Where buffers lie in NVM, and where they overlap at the price of a commit.
import { ALIGNMENT, OP_FLAG_COMMIT } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { Buffer, Step } from './step.js';

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/** How much NVM there is, and whether buffers may overlap in it. */
export interface NvmLimits {
  nvmBytes: number;
  overlap: boolean;
}

/** Places activations behind `start`, each beside all others; or, to save NVM, over those already dead. */
function placeBuffers(buffers: Buffer[], start: number, share: boolean): number {
  let end = start;
  const placed: Buffer[] = [];
  for (const buffer of buffers) {
    const alive = placed
      .filter((other) => !share || other.dies >= buffer.born)
      .sort((a, b) => a.address - b.address);
    let address = start;
    for (const other of alive) {
      if (address + buffer.bytes <= other.address) break;
      address = Math.max(address, align(other.address + other.bytes));
    }
    buffer.address = address;
    placed.push(buffer);
    end = Math.max(end, align(address + buffer.bytes));
  }
  return end;
}

/** Marks the ops after which a commit is mandatory: where the next output lies over bytes read since the last one. */
export function markCommits(steps: readonly Step[]): void {
  let read: Buffer[] = [];
  steps.forEach(({ reads, writes }, index) => {
    const clash = read.some(
      (b) => b.address < writes.address + writes.bytes && writes.address < b.address + b.bytes,
    );
    if (clash) {
      const { record } = steps[index - 1]!.lowered;
      record.mark(OP_FLAG_COMMIT);
      read = [];
    }
    read.push(...reads.map(({ buffer }) => buffer));
  });
}

/** Gives activations their addresses behind `start`, shared only where they must be; returns where NVM ends. */
export function layActivations(
  activations: Buffer[],
  start: number,
  { nvmBytes, overlap }: NvmLimits,
): number {
  let end = placeBuffers(activations, start, false);
  if (end > nvmBytes && overlap) end = placeBuffers(activations, start, true);
  if (end <= nvmBytes) return end;
  throw new BrownoutError({
    code: 'E_PLAN',
    found: `${end} bytes of NVM needed`,
    expected: `at most ${nvmBytes}`,
    hint: overlap
      ? 'Take a part with more NVM, or compress the network further.'
      : 'The policy "never" cannot share buffers: choose another policy, or a part with more NVM.',
  });
}
