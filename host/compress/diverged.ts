import { BrownoutError } from '../error.js';

/** Throws `E_DIVERGED` unless an epoch's loss is a number. */
export function checkLoss(loss: number, epoch: number): void {
  if (Number.isFinite(loss)) return;
  throw new BrownoutError({
    code: 'E_DIVERGED',
    found: `a loss beyond what a float holds in epoch ${epoch}`,
    expected: 'training that ends in numbers',
    hint: 'Scale inputs and targets to about −1 … 1, or give a lower learning rate.',
  });
}
