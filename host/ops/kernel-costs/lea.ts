// Made by `npm run calibrate` from bench/calibration-lea.json: what one of each
// thing costs that a kernel does (`work` of its op in host/ops), in cycles, counted.
import type { Counts } from '../shared/work.js';
import { msp430Costs } from './msp430.js';

export const leaCosts: Readonly<Record<string, Counts>> = {
  ...msp430Costs,
  conv2d_rows: {
    unitCalled: 620.4,
    unitLine: 23.59,
    unitLaid: 12.5,
    unitColumn: 15.7,
    unitCall: 20.9,
    unitRow: 315.1,
    unitOutput: 204.5,
    tile: 2982,
    unitSplit: 28.5,
    unitSplitLine: 2.976,
    unitCopied: 9.186,
    unitCopy: 13.45,
    unitPiece: 5.365,
    unitMatrix: 214.5,
    unitCoreLine: 20.56,
    unitCoreWidened: 7.083,
    unitCoreMac: 12.85,
    unitCoreOutput: 227.5,
  },
  circulant_direct_together: { entered: 313.1, copied: 5.807, output: 370.5, row: 2719, unitLaid: 19.9 },
  conv2d: {
    unitWidened: 12.76,
    unitRow: 324.7,
    unitOutput: 317.1,
    rest: 4.004,
    tile: 2626,
    line: 48.84,
    window: 176.2,
    laidOut: 8.238,
    unitCoreMac: 10.01,
    unitCoreWidened: 45.34,
    unitCoreOutput: 221.7,
    unitCoreByteMac: 12.73,
  },
};
