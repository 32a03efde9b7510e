// What a device has learnt: its weights, out of NVM and into an image, and how learning went.
import {
  CURSOR_BYTES,
  S_DRIFTS,
  S_FLAGS,
  S_GOOD_RIGHT,
  S_LABELLED,
  S_LAST_LOSS,
  S_LOSS_FAST,
  S_LOSS_SLOW,
  S_ROLLBACKS,
  S_SKIPPED,
  S_WINDOW,
} from '../../assembly/layout.js';
import { BrownoutError, checkBytes, checkFields } from '../error.js';
import { crc32 } from '../model/crc32.js';
import { type CursorFields, cursorFields, isWhole, sequenceOf, slotAddress } from '../model/cursor.js';
import { type DeviceImage, type Image, withConstants } from '../model/image.js';
import { hex } from '../model/image-error.js';
import {
  bankAddress,
  banksOf,
  constantOffset,
  isLearningCursor,
  type LearningHeader,
  stateInForce,
} from '../model/learning-header.js';
import { checkState } from '../model/state-record.js';

/** How learning goes; losses in bits. */
export interface LearningStatus {
  /** Learn jobs finished, and updates applied: the rest was held out, or right and sure. */
  labelled: number;
  updates: number;
  skipped: number;
  /** Right before it was learnt, of the last 32 labelled samples. */
  recentlyRight: number;
  lossFast: number;
  lossSlow: number;
  lastLoss: number;
  drift: boolean;
  drifts: number;
  rollbacks: number;
  /** Validation samples that the good weights had right when they became good. */
  goodRight: number;
  banks: { current: number; good: number; state: number };
}

/** The image's learning header. Throws `E_KIND`. */
export function learningOf(image: DeviceImage): LearningHeader {
  if (image.learning) return image.learning;
  throw new BrownoutError({
    code: 'E_KIND',
    found: 'an image that only infers',
    expected: 'one that learns',
    hint: 'Compile the model so that it learns: `brownout compile model.tflite --learn last -o model-learn.brn`.',
  });
}

/** The cursor that a boot would go on from. Throws `E_CURSOR`, and as `checkState` does. */
function newestCursor(nvm: Uint8Array, image: DeviceImage): CursorFields {
  checkState(nvm, image);
  const whole = [0, 1]
    .map((slot) => nvm.subarray(slotAddress(image, slot), slotAddress(image, slot) + CURSOR_BYTES))
    .filter((slot) => isWhole(slot) && cursorFields(slot).imageId === image.imageId);
  const newest = whole.sort((a, b) => (sequenceOf(b) - sequenceOf(a)) | 0)[0];
  const fields = newest && cursorFields(newest);
  if (fields && isLearningCursor(learningOf(image), fields)) return fields;
  throw new BrownoutError({
    code: 'E_CURSOR',
    found: fields
      ? `a cursor of banks ${hex(fields.banks)}, sample ${hex(fields.sample)}, turn ${hex(fields.turn)}: not all are there`
      : 'no whole cursor of this image',
    expected: 'the NVM of a device that ran it',
    hint: 'Dump all of NVM from the image’s base on.',
  });
}

/** What NVM says of learning. Throws `E_KIND`, `E_CURSOR`, `E_MAGIC`, `E_CURSOR_IMAGE`, `E_NVM_SIZE`. */
export function learningStatus(nvm: Uint8Array, image: DeviceImage): LearningStatus {
  checkBytes(nvm, 'a dump of NVM');
  checkFields(image, 'an image, as `readImage` gives it', 'ops');
  const header = learningOf(image);
  const cursor = newestCursor(nvm, image);
  const banks = banksOf(cursor);
  const state = stateInForce(header, cursor, nvm);
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const word = (offset: number): number => view.getUint32(offset, true);
  const bits = (offset: number): number => view.getInt32(offset, true) / 256;
  let window = word(S_WINDOW);
  let recentlyRight = 0;
  for (; window !== 0; window = (window & (window - 1)) >>> 0) recentlyRight++;
  return {
    labelled: word(S_LABELLED),
    updates: cursor.step,
    skipped: word(S_SKIPPED),
    recentlyRight,
    lossFast: bits(S_LOSS_FAST),
    lossSlow: bits(S_LOSS_SLOW),
    lastLoss: bits(S_LAST_LOSS),
    drift: (word(S_FLAGS) & 1) !== 0,
    drifts: word(S_DRIFTS),
    rollbacks: word(S_ROLLBACKS),
    goodRight: word(S_GOOD_RIGHT),
    banks,
  };
}

/** The weights that an image ships with. Throws `E_KIND`. */
export function factoryWeights(image: DeviceImage): Uint8Array {
  const { factory, bankBytes } = learningOf(image);
  const at = constantOffset(factory);
  return image.device.slice(at, at + bankBytes);
}

/** The current weight bank of a device. Throws as `learningStatus` does. */
export function learnedWeights(nvm: Uint8Array, image: DeviceImage): Uint8Array {
  const header = learningOf(image);
  const { current } = banksOf(newestCursor(nvm, image));
  if (current === 0) return factoryWeights(image);
  const at = bankAddress(header, current);
  return nvm.slice(at, at + header.bankBytes);
}

/** The image with a weight bank in place of the factory's: what was learnt is what it ships with. */
export function withWeights(image: Image, bank: Uint8Array): Image {
  checkFields(image, 'an image, as `readImage` gives it', 'metadata');
  checkBytes(bank, 'weights, as `readWeights` gives them');
  const { factory, bankBytes } = learningOf(image);
  if (bank.length !== bankBytes) {
    throw new BrownoutError({
      code: 'E_WEIGHTS',
      found: `weights of ${bank.length} bytes`,
      expected: `${bankBytes}`,
      hint: 'Take weights of the same network, compiled with the same --learn.',
    });
  }
  return withConstants(image, (device) => device.set(bank, constantOffset(factory)));
}

/** First bytes of a weights file: 'BRNW', then a CRC of the plan, of the bank, and its length; then the bank. */
const WEIGHTS_MAGIC = 0x574e5242;
const WEIGHTS_HEADER_BYTES = 16;

/** Weights that fit only images of the same plan do: their records say where each parameter is. */
const planOf = (image: DeviceImage): number =>
  crc32(image.device.subarray(image.plan.offset, image.plan.offset + image.plan.bytes));

/** A bank as a file, for devices of the same image. */
export function writeWeights(image: DeviceImage, bank: Uint8Array): Uint8Array {
  checkFields(image, 'an image, as `readImage` gives it', 'ops');
  checkBytes(bank, 'weights, as `readWeights` gives them');
  const file = new Uint8Array(WEIGHTS_HEADER_BYTES + bank.length);
  const view = new DataView(file.buffer);
  view.setUint32(0, WEIGHTS_MAGIC, true);
  view.setUint32(4, planOf(image), true);
  view.setUint32(8, crc32(bank), true);
  view.setUint32(12, bank.length, true);
  file.set(bank, WEIGHTS_HEADER_BYTES);
  return file;
}

/** Reads a file of `writeWeights`. Throws `E_KIND`, `E_WEIGHTS`. */
export function readWeights(image: DeviceImage, file: Uint8Array): Uint8Array {
  checkFields(image, 'an image, as `readImage` gives it', 'ops');
  checkBytes(file, 'a file of weights');
  const refuse = (found: string, expected: string): never => {
    const hint = 'Give a file that `brownout export-weights` wrote of this image.';
    throw new BrownoutError({ code: 'E_WEIGHTS', found, expected, hint });
  };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < WEIGHTS_HEADER_BYTES || view.getUint32(0, true) !== WEIGHTS_MAGIC)
    refuse('a file that holds no weights', '"BRNW" at its start');
  if (view.getUint32(4, true) !== planOf(image)) refuse('weights of another plan', 'those of this image');
  const bank = file.subarray(WEIGHTS_HEADER_BYTES);
  if (bank.length !== view.getUint32(12, true) || crc32(bank) !== view.getUint32(8, true))
    refuse('weights with a wrong checksum', 'a whole file');
  const { bankBytes } = learningOf(image);
  if (bank.length !== bankBytes) refuse(`weights of ${bank.length} bytes`, `${bankBytes}`);
  return bank;
}
