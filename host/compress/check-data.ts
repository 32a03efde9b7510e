// What data and options must be for `compress` to begin: told before any training.
import { STATIC_BYTES } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { LabelledData } from './float-network.js';
import { rangeOf } from './rounding.js';

/** Throws an error. */
export function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** Inputs and labels, or targets, of one set, called `what`. Throws `E_SHAPE`, `E_LABEL`. */
export function checkData(
  what: string,
  { inputs, labels, groups, targets }: LabelledData,
  size: number,
  classes: number,
): void {
  const hint = 'Give inputs as the network takes them, a label for each.';
  if (labels.length === 0 || inputs.length !== labels.length * size)
    refuse(
      'E_SHAPE',
      `${inputs.length} ${what} values for ${labels.length} labels`,
      `${size} for each`,
      hint,
    );
  if (groups && groups.length !== labels.length)
    refuse('E_SHAPE', `${groups.length} groups for ${labels.length} inputs`, 'one for each', hint);
  if (targets && targets.length !== labels.length * classes)
    refuse(
      'E_SHAPE',
      `${targets.length} ${what} targets for ${labels.length} inputs`,
      `${classes} for each, the network's outputs`,
      'Give what every output is to be for each input.',
    );
  const label = targets ? undefined : labels.find((value) => value >= classes);
  if (label !== undefined)
    refuse(
      'E_LABEL',
      `label ${label} of a ${what} input`,
      `labels below ${classes}, the network's outputs`,
      'Labels count from 0.',
    );
  const off = targets?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (off >= 0)
    refuse(
      'E_INPUT_RANGE',
      `${targets![off]} among the targets of ${what} input ${Math.floor(off / classes)}`,
      'numbers',
      hint,
    );
  const at = inputs.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    refuse('E_INPUT_RANGE', `${inputs[at]} in ${what} input ${Math.floor(at / size)}`, 'numbers', hint);
}

/** The largest magnitude of an input that is quantized. */
const MOST_INPUT = 1e9;

/** What numbers of data and options must be for there to be an image at all: told before the training. */
export function checkSizes(
  {
    data,
    sramBytes,
    classes,
  }: { data: LabelledData; classes?: readonly string[]; sramBytes?: number | undefined },
  outputs: number,
): void {
  const [low, high] = rangeOf(data.inputs);
  if (low === high || Math.max(-low, high) > MOST_INPUT)
    refuse(
      'E_INPUT_RANGE',
      low === high ? `${low} in all of the inputs` : `inputs from ${low} to ${high}`,
      `numbers that differ, of at most ${MOST_INPUT}`,
      'Give inputs as the model was trained on them.',
    );
  if (sramBytes !== undefined && sramBytes <= STATIC_BYTES)
    refuse(
      'E_BUDGET',
      `${sramBytes} bytes of SRAM`,
      `more than the ${STATIC_BYTES} that are the engine's own`,
      'Give more, such as 2KB.',
    );
  if (classes && classes.length !== outputs)
    refuse('E_OPTION', `${classes.length} names of classes`, `${outputs}, one an output`, 'Name them all.');
}
