import { type TargetOptions, targetOptions } from '../power/target.js';

/** Options of `analyze`. */
export type AnalyzeOptions = TargetOptions;

export const analyzeOptions = targetOptions;
