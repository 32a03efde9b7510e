// Every mutant of the campaign (`npm run mutants`).
import { CORE } from './core.js';
import { DESK } from './desk.js';
import { EMITTED } from './emitted.js';
import { KERNELS } from './kernels.js';
import { LEARNING } from './learning.js';
import { FIRMWARE } from './firmware.js';
import { HOST } from './host.js';
import { SUMS } from './sums.js';

export const MUTANTS = [...CORE, ...KERNELS, ...LEARNING, ...SUMS, ...HOST, ...EMITTED, ...FIRMWARE, ...DESK];
