// brownout_model.h and .c: an image as C, with every size, address and error code that goes with it.
import {
  ALIGNMENT,
  C_BANKS,
  C_KIND,
  C_STEP,
  C_TICKET,
  CURSOR_BYTES,
  D_BOOTS,
  DIAGNOSTICS_BYTES,
  H_IMAGE_ID,
  H_LEARNING,
  JOURNAL_BYTES,
  LEARNING_BYTES,
  N_JOURNAL,
  N_RELEASE0,
  N_RELEASE1,
  OP_BYTES,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_TILES,
  OpKind,
  SEP_CHANNELS,
  STATE_BYTES,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../../assembly/layout.js';
import { SPARSE_BLOCK } from '../../assembly/sparse-layout.js';
import { ErrorCode } from '../../assembly/error.js';
import { hasSums } from '../learning/sums/of-image.js';
import { type Image, keepsInputs } from '../model/image.js';
import type { OpRecord } from '../model/record.js';
import { constantOffset } from '../model/learning-header.js';
import { concat } from '../model/sections.js';
import type { ImageSignature } from '../model/signature.js';
import { stateRecord } from '../model/state-record.js';
import { littleEndian } from '../model/values.js';
import { firstCursor } from '../simulator/provision.js';
import { cBytes } from './emit-c.js';
import { tensorDeclarations, tensorDefinitions } from './tensors-c.js';
import type { Earlier } from './updates.js';

/** Names and numbers of what the module returns below zero. */
const errorCodes = Object.entries(ErrorCode).filter(([, code]) => typeof code === 'number');

/** SRAM is rounded up to this. */
const SRAM_ALIGNMENT = 16;

/** A module for C: its WASM, with names, and where its SRAM map is. */
export interface FirmwareModule {
  wasm: Uint8Array;
  text: string;
  arena: number;
  /** Where the cursor stands in SRAM; 0 in a bare build. */
  cursor: number;
}

/** Bytes of SRAM that the module takes. */
export function sramBytes(image: Image, { arena }: FirmwareModule): number {
  return Math.ceil((arena + image.arenaBytes) / SRAM_ALIGNMENT) * SRAM_ALIGNMENT;
}

/** Values of a window that gemm multiplies; 0 where a record's kernel is none of it. */
function vectorOf(op: OpRecord): number {
  const [height, width] = op.getPair(WIN_KERNEL);
  if (op.kind === OpKind.SEPARABLE_CONV2D) return op.getPair(SEP_CHANNELS)[1];
  if (op.kind === OpKind.CONV2D_SPARSE) return op.getPair(SPARSE_BLOCK).reduce((a, b) => a * b);
  return op.kind === OpKind.CONV2D ? height * width * op.get(WIN_INPUT_CHANNELS) : 0;
}

/** Whether `op` is a convolution that an accelerator has room to widen two windows of (assembly/kernels/conv2d.ts). */
function hasRoom(op: OpRecord): boolean {
  const vector = vectorOf(op);
  return vector > 0 && op.get(OP_SCRATCH1) - op.get(OP_SCRATCH0) >= 4 * vector;
}

/** Whether `op` has a depthwise convolution that takes every other window of a row. */
const isStrided = (op: OpRecord): boolean =>
  (op.kind === OpKind.DEPTHWISE_CONV2D || op.kind === OpKind.SEPARABLE_CONV2D) &&
  op.getPair(WIN_STRIDE)[1] === 2;

/** Up to so many channels, code for Winograd's products has no loop. */
const MOST_UNROLLED = 128;

/** The most channels within that of a convolution by Winograd's way; 0: there is none. */
function winogradChannels({ ops }: Image): number {
  const channels = ops
    .filter(({ kind }) => kind === OpKind.CONV2D_WINOGRAD)
    .map((op) => Math.min(op.get(WIN_INPUT_CHANNELS), MOST_UNROLLED));
  return Math.max(0, ...channels);
}

/** What firmware checks of its image at every boot. */
export interface Checks {
  /** It boots no image but the one that was signed. */
  signature: boolean;
  /** It boots no image with another header or plan. */
  plan: boolean;
}

/** What firmware has beside module and image. */
export interface Extras {
  /** NVM is a log, which keeps what was written over until it is erased. */
  keepsOld?: boolean | undefined;
  /** Images whose NVM it takes over. */
  earlier?: readonly Earlier[];
  checks?: Checks | undefined;
}

/** Where the image's learning header lies; 0: it has none. */
const learningHeaderAt = ({ device }: Image): number =>
  new DataView(device.buffer, device.byteOffset).getUint32(H_LEARNING, true);

/** All of an image that addresses and lengths depend on: header and plan, and what groups of addresses are. */
function steeringBytes(image: Image): Uint8Array {
  const { device, plan } = image;
  const at = learningHeaderAt(image);
  const groups = device.subarray(at, at > 0 ? at + LEARNING_BYTES : 0);
  return concat([device.subarray(0, plan.offset + plan.bytes), groups]);
}

/** Sizes of firmware that checks them. */
function planSizes(image: Image): [string, number][] {
  const at = learningHeaderAt(image);
  return [
    ['CHECK_PLAN', 1],
    ['STEERING_BYTES', steeringBytes(image).length],
    ...(at > 0 ? [['LEARNING_HEADER', at] satisfies [string, number]] : []),
  ];
}

/** Sizes that only firmware for updates has. */
function updateSizes(image: Image, earlier: readonly Earlier[]): [string, number][] {
  const { release, unstable, learning } = image;
  const bank: [string, number][] = [
    ['WEIGHTS', learning?.banks ?? 0],
    ['WEIGHTS_BYTES', learning?.bankBytes ?? 0],
    ['FACTORY_WEIGHTS', learning ? constantOffset(learning.factory) : 0],
  ];
  return [
    ...(unstable ? [['UNSTABLE', 1] satisfies [string, number]] : []),
    ...(release > 0 ? [['RELEASE', release] satisfies [string, number]] : []),
    ...(hasSums(image) ? [['SUMS', 1] satisfies [string, number]] : []),
    ...(earlier.length > 0 ? [['EARLIER', earlier.length] satisfies [string, number], ...bank] : []),
  ];
}

/** What each size and address is called. */
function sizesOf(
  image: Image,
  module: FirmwareModule,
  { keepsOld = false, earlier = [], checks }: Extras,
): [string, number][] {
  return [
    ['SRAM_BYTES', sramBytes(image, module)],
    ['ARENA', module.arena],
    ['CURSOR', module.cursor],
    ['CURSOR_TICKET', C_TICKET],
    ['CURSOR_KIND', C_KIND],
    ['CURSOR_STEP', C_STEP],
    ['CURSOR_BANKS', C_BANKS],
    ['NVM_BYTES', image.nvmBytes],
    ['IMAGE_BYTES', image.imageBytes],
    ['IMAGE_ID', H_IMAGE_ID],
    ['PLAN', image.plan.offset],
    ['PLAN_BYTES', image.plan.bytes],
    ['OP_BYTES', OP_BYTES],
    ['OP_TILES', OP_TILES],
    ['INPUT', image.input.offset],
    ['INPUT_BYTES', image.input.bytes],
    ['OUTPUT', image.output.offset],
    ['OUTPUT_BYTES', image.output.bytes],
    ['SLOT0', image.slots.offset],
    ['SLOT1', image.slots.offset + image.slotStride],
    ['STATE_BYTES', STATE_BYTES],
    ['RELEASE0', N_RELEASE0],
    ['RELEASE1', N_RELEASE1],
    ['JOURNAL', N_JOURNAL],
    ['JOURNAL_BYTES', JOURNAL_BYTES],
    ['CURSOR_BYTES', CURSOR_BYTES],
    ['DIAGNOSTICS', image.diagnostics.offset],
    ['DIAGNOSTICS_BYTES', DIAGNOSTICS_BYTES],
    ['DIAGNOSTICS_BOOTS', D_BOOTS],
    // Only of images that keep state from job to job.
    ...(image.stream ? [['STATES', image.tensors.states.length] satisfies [string, number]] : []),
    // Only of images that learn, and of those of them that keep unlabelled inputs.
    ...(image.learning ? [['CLASSES', image.learning.classes] satisfies [string, number]] : []),
    ...(image.learning && keepsInputs(image) ? [['KEEPS_INPUTS', 1] satisfies [string, number]] : []),
    ...updateSizes(image, earlier),
    ...(checks?.signature ? [['CHECK_SIGNATURE', 1] satisfies [string, number]] : []),
    ...(checks?.plan ? planSizes(image) : []),
    // What was written over stays in memory until it is erased.
    ...(keepsOld ? [['NVM_KEEPS_OLD', 1] satisfies [string, number]] : []),
    // Where a convolution has room for two windows of int16.
    ...(image.ops.some(hasRoom) ? [['ACCEL_WIDE', 1] satisfies [string, number]] : []),
    ...(image.ops.some(isStrided) ? [['ACCEL_STRIDED', 1] satisfies [string, number]] : []),
  ];
}

/** Of a signed image: what was signed, by whom, and the signature. */
const signedDeclarations = ({ prefix, key, bytes }: ImageSignature): string[] => [
  `#define BROWNOUT_SIGNED_PREFIX ${prefix.length}u`,
  '/* What was signed: so many bytes, and behind them header, plan and constants, which are read where they lie. */',
  'extern const uint8_t brownout_signed[BROWNOUT_SIGNED_PREFIX + BROWNOUT_IMAGE_BYTES];',
  '#define brownout_image (brownout_signed + BROWNOUT_SIGNED_PREFIX)',
  '/* Its Ed25519 signature, and the public key. */',
  `extern const uint8_t brownout_signature[${bytes.length}];`,
  `extern const uint8_t brownout_signer[${key.length}];`,
];

/** brownout_model.h: every size and address as C. */
export function modelHeader(image: Image, module: FirmwareModule, extras: Extras): string {
  const sizes = sizesOf(image, module, extras);
  const channels = winogradChannels(image);
  return [
    '/* Sizes and addresses of the image, and the error codes. Made by brownout export. */',
    '#ifndef BROWNOUT_MODEL_H',
    '#define BROWNOUT_MODEL_H',
    '',
    '#include <stdint.h>',
    '',
    '#ifdef __cplusplus',
    'extern "C" {',
    '#endif',
    '',
    ...sizes.map(([name, value]) => `#define BROWNOUT_${name} ${value}u`),
    // Assemblers read it, too.
    ...(channels ? [`#define BROWNOUT_ACCEL_WINOGRAD_CHANNELS ${channels}`] : []),
    '',
    'enum {',
    ...errorCodes.map(([name, code]) => `  BROWNOUT_${name} = ${code},`),
    '};',
    '',
    ...(image.signature
      ? signedDeclarations(image.signature)
      : [
          '/* Header, plan and constants: read where they lie. */',
          'extern const uint8_t brownout_image[BROWNOUT_IMAGE_BYTES];',
        ]),
    ...(extras.checks?.plan
      ? [
          '/* Its header and plan, and what else addresses and lengths depend on: what an image that boots must have. */',
          'extern const uint8_t brownout_steering[BROWNOUT_STEERING_BYTES];',
        ]
      : []),
    '/* With what its state begins in NVM. */',
    'extern const uint8_t brownout_first_state[BROWNOUT_STATE_BYTES];',
    '/* The cursor of a device that has not run yet. */',
    'extern const uint8_t brownout_first_cursor[BROWNOUT_CURSOR_BYTES];',
    '/* An input to try: the one that the image carries, or zeros. */',
    'extern const int8_t brownout_sample[BROWNOUT_INPUT_BYTES];',
    '',
    ...tensorDeclarations(image),
    '/* The name of an error code, such as "E_CURSOR"; "E_?" of what is none. */',
    'const char *brownout_error_name(int32_t code);',
    '',
    '#ifdef __cplusplus',
    '}',
    '#endif',
    '',
    '#endif',
    '',
  ].join('\n');
}

/** A constant array in C. */
function cArray(type: string, name: string, bytes: ArrayLike<number>, aligned = ''): string[] {
  return [
    `const ${type} ${name}[${bytes.length}]${aligned ? ` ${aligned}` : ''} = {`,
    ...cBytes(bytes),
    '};',
  ];
}

/** A function from error codes to their names. */
function errorNames(): string[] {
  const most = Math.max(...errorCodes.map(([name]) => name.length)) + 1;
  const names = Array.from({ length: errorCodes.length }, (_, i) => ErrorCode[-1 - i]!);
  return [
    `static const char error_names[][${most}] = {${names.map((name) => `"${name}"`).join(', ')}};`,
    'static const char no_error_name[] = "E_?";',
    'const char *brownout_error_name(int32_t code) {',
    `  return code < 0 && code >= -${names.length} ? error_names[-1 - code] : no_error_name;`,
    '}',
  ];
}

/** The image; of a signed one with what was signed before it, and the signature. */
function imageArrays({ device, signature }: Image): string[] {
  if (!signature) return cArray('uint8_t', 'brownout_image', device, 'BROWNOUT_ALIGNED');
  return [
    ...cArray('uint8_t', 'brownout_signed', concat([signature.prefix, device]), 'BROWNOUT_ALIGNED'),
    ...cArray('uint8_t', 'brownout_signature', signature.bytes),
    ...cArray('uint8_t', 'brownout_signer', signature.key),
  ];
}

/** brownout_model.c: the image as bytes. */
export function modelSource(image: Image, { checks }: Extras): string {
  const sample = image.sample ? Int8Array.from(littleEndian(image.sample)) : new Int8Array(image.input.bytes);
  return [
    '/* The image. Made by brownout export. */',
    '#include "brownout_model.h"',
    '',
    '#if defined(__GNUC__)',
    `#define BROWNOUT_ALIGNED __attribute__((aligned(${ALIGNMENT})))`,
    '#else',
    '#define BROWNOUT_ALIGNED',
    '#endif',
    '',
    ...imageArrays(image),
    ...(checks?.plan ? cArray('uint8_t', 'brownout_steering', steeringBytes(image)) : []),
    ...cArray('uint8_t', 'brownout_first_state', stateRecord(image.imageId)),
    ...cArray('uint8_t', 'brownout_first_cursor', firstCursor(image.imageId)),
    ...cArray('int8_t', 'brownout_sample', sample),
    '',
    ...tensorDefinitions(image),
    ...errorNames(),
    '',
  ].join('\n');
}
