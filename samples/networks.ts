// Small seeded networks, one for every op and its variants, that tests, benches and scripts run.
export * from './networks/parts.js';
export * from './networks/windows.js';
export * from './networks/vectors.js';
export * from './networks/levels.js';
export * from './networks/number-types.js';
export * from './networks/whole.js';
export * from './networks/mlperf-tiny.js';
