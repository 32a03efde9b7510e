// Made by `npm run calibrate` from bench/calibration-lea.json: what one of each
// thing costs that a kernel does (`work` of its op in host/ops), in cycles, counted.
import type { Counts } from '../shared/work.js';
import { msp430Costs } from './msp430.js';

export const leaCosts: Readonly<Record<string, Counts>> = {
  ...msp430Costs,
  circulant_direct_together: {
    entered: 2155,
    copied: 1.567,
    tile: 136.5,
    output: 392,
    row: 984.3,
    unitCall: 83.17,
    unitLaid: 19.52,
  },
  conv2d: {
    unitWidened: 12.76,
    unitRow: 324.7,
    unitOutput: 317.1,
    rest: 4.004,
    tile: 2626,
    line: 48.92,
    window: 176.2,
    laidOut: 8.238,
    unitCoreMac: 10.01,
    unitCoreWidened: 45.34,
    unitCoreOutput: 221.7,
    unitCoreByteMac: 12.73,
  },
};
