// Every mutant of the campaign (`npm run mutants`).
import { CORE } from './core.js';
import { DESK } from './desk.js';
import { EMITTED } from './emitted.js';
import { FIRMWARE } from './firmware.js';
import { HOST } from './host.js';
import { KERNELS } from './kernels.js';
import { IN_LANES } from './lanes.js';
import { LEARNING } from './learning.js';
import { LEVELS } from './levels.js';
import { SUMS } from './sums.js';
import { VERIFIER } from './verifier.js';

const DEVICE = [...CORE, ...KERNELS, ...IN_LANES, ...LEARNING, ...SUMS, ...LEVELS];
export const MUTANTS = [...DEVICE, ...HOST, ...EMITTED, ...FIRMWARE, ...DESK, ...VERIFIER];
