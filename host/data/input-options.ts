// Options of commands that take inputs.
import { type ReadAs, readAsOption } from './model-input.js';
import type { CommandInput, OptionSpec } from '../options/command.js';

export const asOption: OptionSpec = {
  name: 'as',
  value: 'KIND',
  help: 'what numbers of inputs are: codes or reals (default: integers of the model’s type are codes)',
};

/** What `--as` says. Throws `E_OPTION`. */
export function asOf({ as }: CommandInput['options']): { as?: ReadAs } {
  return typeof as === 'string' ? { as: readAsOption(as) } : {};
}
