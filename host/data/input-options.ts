// Options of commands that take inputs.
import { choice } from '../options/kinds.js';

export const asOption = {
  kind: choice(['codes', 'reals'], { placeholder: 'KIND' }),
  help: 'what numbers of inputs are: codes or reals',
  otherwise: 'integers of the model’s type are codes',
} as const;
