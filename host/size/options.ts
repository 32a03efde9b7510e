import { capacitance, list, progressKind } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import type { Checked, Table } from '../options/table.js';
import { type ReplayOptions, replayOptions } from '../replay/options.js';

/** Options of `size`: those of `replay`, with several capacitors. */
export interface SizeOptions extends Omit<ReplayOptions, 'capacitorUf' | 'timeline' | 'onInference'> {
  /** Capacitors to try, in µF or as `'100nF'`; default the E3 series from 1 µF to 47 mF. */
  capacitorsUf?: readonly Quantity[];
  onCapacitor?: (done: number, total: number) => void;
}

const { capacitorUf: _, timeline: __, onInference: ___, ...shared } = replayOptions;

export const sizeOptions = {
  ...shared,
  capacitorsUf: {
    kind: list(capacitance, 'C,C,…'),
    help: 'capacitors to try, such as 47uF,100uF',
    otherwise: 'E3 series from 1uF to 47mF',
  },
  onCapacitor: { kind: progressKind },
} as const satisfies Table<SizeOptions>;

export type SizeSettings = Checked<SizeOptions, typeof sizeOptions>;
