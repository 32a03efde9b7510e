// Bodies that only a module for speed in lanes has, against the naive oracle, bit for bit.
import { test } from 'uvu';
import { buildParts } from '../host/toolchain/build-device.js';
import { LANE_PARTS, laneSweeps } from './util/lane-shapes.js';
import { bodyOf, sweep } from './util/sweep.js';

const wasm = await buildParts(LANE_PARTS, { target: 'simd', optimize: 'speed' });
for (const one of laneSweeps(bodyOf('for speed in lanes', wasm))) sweep(one);

test.run();
