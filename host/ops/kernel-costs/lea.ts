// Made by `npm run calibrate` from bench/calibration-lea.json: what one of each
// thing costs that a kernel does (`work` of its op in host/ops), in cycles, counted.
import type { Counts } from '../shared/work.js';
import { msp430Costs } from './msp430.js';

export const leaCosts: Readonly<Record<string, Counts>> = {
  ...msp430Costs,
  conv2d_rows: {
    unitCalled: 519.4,
    unitLine: 24.06,
    unitLaid: 13.03,
    unitColumn: 19.45,
    unitCall: 84.91,
    unitRow: 433.9,
    unitOutput: 216.2,
    tile: 1086,
    unitCoreLine: 99.98,
    unitCoreWidened: 7.768,
    unitCoreMac: 13.06,
    unitCoreOutput: 243.1,
    unitMatrix: 174.2,
    unitSplit: 19.72,
    unitSplitLine: 11.3,
    unitCopied: 10.28,
    unitCopy: 13.5,
    unitPiece: 21.29,
  },
  circulant_direct_together: {
    entered: 1378,
    block: 500.7,
    copied: 0.7661,
    output: 414.2,
    paired: 29.85,
    row: 2632,
    unitLaid: 18.92,
  },
  conv2d: {
    unitCoreByteMac: 12.48,
    unitCoreOutput: 228.6,
    rest: 2.283,
    tile: 2451,
    unitCoreMac: 11.8,
    line: 46.43,
    window: 330.1,
    laidOut: 7.57,
  },
};
