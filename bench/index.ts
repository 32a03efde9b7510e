// `npm run bench`: every figure that depends on this machine, as ratios within one run.
import { benchCirculant } from './circulant.js';
import { benchPower } from './power.js';

console.log(benchCirculant());
console.log(benchPower());
