// All commands: a new one is a folder with its command.ts, and a line here. A command is imported when it runs.
import type { Command } from './options/command.js';

export interface CommandEntry {
  readonly summary: string;
  /** Names in earlier versions. */
  readonly was?: readonly string[];
  load(): Promise<{ readonly command: Command }>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: 'Classify handwritten digits on a simulated device whose power keeps failing.',
    load: () => import('./demo/command.js'),
  },
  compile: {
    summary: 'Compile a model (.tflite, .onnx) to an image, prove it, and show what every op costs.',
    load: () => import('./compile/command.js'),
  },
  check: {
    summary:
      'Say whether a model (.tflite, .onnx) can be compiled, all that stands in the way, and what it costs.',
    load: () => import('./check/command.js'),
  },
  compress: {
    summary:
      'Train a float network (.onnx, .tflite) into a circulant, pruned, integer one that fits a device and a charge.',
    load: () => import('./compress/command.js'),
  },
  run: {
    summary: 'Run an image on inputs, on steady power.',
    load: () => import('./run/command.js'),
  },
  xray: {
    summary: 'Hold every layer of an image against the model, find where it goes wrong first, and why.',
    load: () => import('./xray/command.js'),
  },
  verify: {
    summary: 'Prove that no power failure, at any point and any number of times, changes the result.',
    load: () => import('./verify/command.js'),
  },
  replay: {
    summary: 'Run an image on a power trace, or play one schedule of power failures, and tell what happened.',
    load: () => import('./replay/command.js'),
  },
  learn: {
    summary: 'Replay learning on the device on a power trace, sample by sample, and write what it learnt.',
    was: ['train'],
    load: () => import('./learn/command.js'),
  },
  'export-weights': {
    summary:
      'Take what a device has learnt out of a dump of its NVM, or an image’s own weights out of the image.',
    load: () => import('./export-weights/command.js'),
  },
  'import-weights': {
    summary: 'Put weights that a device has learnt into the image, as what it ships with.',
    load: () => import('./import-weights/command.js'),
  },
  gateway: {
    summary: 'Add up what a fleet of devices learns by sums, over HTTP, and give heads back.',
    load: () => import('./gateway/command.js'),
  },
  restore: {
    summary:
      'Bring a dump of a device’s NVM back to the factory’s weights, all or of a class, as the device does when asked to.',
    load: () => import('./restore/command.js'),
  },
  size: {
    summary: 'Find the smallest capacitor an image works with on a power trace, and that of least latency.',
    load: () => import('./size/command.js'),
  },
  compare: {
    summary:
      'Compare run time and energy of BASE, SONIC, TAILS, ACE+FLEX and ours on the same plans and power.',
    load: () => import('./compare/command.js'),
  },
  analyze: {
    summary: 'Show what every op of an image costs, and what SRAM and NVM it takes.',
    load: () => import('./analyze/command.js'),
  },
  inspect: {
    summary: 'Show what is in an image, or in a dump of a device’s NVM: header, plan, cursors, job.',
    load: () => import('./inspect/command.js'),
  },
  sign: {
    summary: 'Vouch for an image with a key: whoever asks for its signature takes no other image.',
    load: () => import('./sign/command.js'),
  },
  build: {
    summary: 'Build the device module (WASM) with the kernels of one image alone.',
    load: () => import('./build/command.js'),
  },
  export: {
    summary: 'Write firmware as portable C99: module, image, hardware layer, Makefile; and link it.',
    load: () => import('./export/command.js'),
  },
  flash: {
    summary: 'Run a firmware folder on an emulated board, or program one of hardware.',
    load: () => import('./flash/command.js'),
  },
};
