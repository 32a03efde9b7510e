// What firmware of a model takes on a Cortex-M4: code and constants besides the image, SRAM, and instructions of one
// inference under QEMU, which are the same on every machine.
import { existsSync, readFileSync } from 'node:fs';
import { compile } from '../host/compile/compile.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { readNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { countJob, countOps } from '../host/firmware/count-on-board.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { elfSize, inTemporaryFolder, linkElf, writeFiles } from '../host/firmware/build-elf.js';
import { firmwareModule, moduleFrom } from '../host/firmware/sources.js';
import { boardCalled, targetCalled } from '../host/firmware/targets.js';
import { importModel } from '../host/import/import-model.js';
import { type Image, readImage } from '../host/model/image.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { int8s, resnet8, visualWakeWords } from '../samples/networks.js';
import { elementCount, quantizeMultiplier, type QuantizedNetwork } from '../host/model/quantized-network.js';

/** Part that every model fits. */
const DEVICE = 'apollo4';
const BOARD = 'qemu-mps2-an386';
export interface FirmwareFigures {
  /** Code and constants, the image left out. */
  codeBytes: number;
  /** Static data of the module and the example. */
  staticBytes: number;
  stackBytes: number;
  /** Boot, input, inference and acknowledgement. */
  instructions: number;
}

const root = new URL('../../', import.meta.url);

/** Two layers without anything else. */
function denseOnly(): Image {
  const random = new Random(1);
  const layer = (name: string, inputs: number, outputs: number, input: number): object => ({
    ...{ kind: 'dense', name, inputs: [input], output: input + 1 },
    weights: Int8Array.from({ length: inputs * outputs }, () => random.integer(181) - 90),
    bias: Int32Array.from({ length: outputs }, () => random.integer(2000) - 1000),
    ...{ clampMin: -128, clampMax: 127 },
    multipliers: Int32Array.from({ length: outputs }, () => quantizeMultiplier(0.002).multiplier),
    shifts: Int32Array.from({ length: outputs }, () => quantizeMultiplier(0.002).shift),
  });
  const tensors = [64, 32, 10].map((size) => ({ shape: [size], scale: 0.05, zeroPoint: -3 }));
  const ops = [layer('fc1', 64, 32, 0), layer('fc2', 32, 10, 1)];
  const network = { name: 'dense', tensors, ops, input: 0, output: 2 } as unknown as QuantizedNetwork;
  return readImage(compile(network));
}

/** Images by name; `kws` and `ad` only where BROWNOUT_DATA has the models. `resnet8` and `vww` have random weights. */
export function firmwareImages(): Record<string, () => Image> {
  const digits = (): Image => readImage(readFileSync(new URL('checkpoints/digits.brn', root)));
  const learning = (): Image => {
    const file = readFileSync(new URL('checkpoints/digits-float.npy', root));
    const network = quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
    return readImage(compile(network, { verify: false, learn: { layers: 'head:2' } }));
  };
  const images: Record<string, () => Image> = { dense: denseOnly, digits, 'digits-learning': learning };
  for (const [name, make] of Object.entries({ resnet8, vww: visualWakeWords }))
    images[name] = () => readImage(compile(make(new Random(1)), { device: DEVICE, verify: false }));
  for (const [name, file] of Object.entries({ kws: 'kws_ref_model.tflite', ad: 'ad01_int8.tflite' })) {
    const path = `${process.env['BROWNOUT_DATA']}/models/${file}`;
    if (!existsSync(path)) continue;
    images[name] = () => {
      const { network, preprocessing } = importModel(new Uint8Array(readFileSync(path)));
      return readImage(compile(network, { preprocessing, verify: false }));
    };
  }
  return images;
}

/** Measures an image. Throws `E_TOOL_MISSING`. */
export async function measureFirmware(image: Image): Promise<FirmwareFigures> {
  const { usage } = await exportFirmware(image, { device: DEVICE });
  const { begin, submit, run, ack, stackBytes } = await countJob(image, boardCalled(BOARD));
  const { codeBytes, staticBytes } = usage!;
  return { codeBytes, staticBytes, stackBytes, instructions: begin + submit + run + ack };
}

/** Code of firmware, the image left out, in bytes, as it gets what guards it. */
export interface GuardFigures {
  /** `begin` boots, and provisions NVM that was never used. */
  bare: number;
  /** As exported: `begin` also reads again what is wrong, and goes on with an erasure. */
  begin: number;
  /** And the application calls `brownout_erase`. */
  erase: number;
  /** And with `checkPlan`. */
  plan: number;
}

/** A `begin` without what guards it. */
const BARE = `  state = boot();
  if (state == BROWNOUT_E_MAGIC) {
    write_state(brownout_first_cursor, 1);
    state = boot();
  }
`;
const ERASES = 'int main(void) {\n  static volatile int asked;\n  if (asked) brownout_erase();\n';

/** Links an image's firmware with and without what guards it. Throws `E_TOOL_MISSING`. */
export async function measureGuards(image: Image): Promise<GuardFigures> {
  const target = targetCalled('cortex-m4');
  const sizeOf = async (checkPlan: boolean, edits: Record<string, [string, string]>): Promise<number> => {
    const { files } = await exportFirmware(image, { device: DEVICE, checkPlan, verify: false });
    for (const [name, [from, to]] of Object.entries(edits)) {
      const text = Buffer.from(files.get(name)!).toString();
      if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
      files.set(name, Buffer.from(text.replace(from, to)));
    }
    return inTemporaryFolder((folder) => {
      writeFiles(folder, files);
      const sources = [...files.keys()].filter((name) => name.endsWith('.c'));
      return elfSize(linkElf(folder, sources, { target, defines: [] }), target.toolchain!).codeBytes;
    });
  };
  const erases = { 'main.c': ['int main(void) {\n', ERASES] as [string, string] };
  return {
    bare: await sizeOf(false, { 'brownout.c': ['  state = settle();\n', BARE] }),
    begin: await sizeOf(false, {}),
    erase: await sizeOf(false, erases),
    plan: await sizeOf(true, erases),
  };
}

/** What an image's own module saves. */
export interface SpecialisedFigures {
  /** Instructions of one inference by the image's own module… */
  own: number;
  /** … by the one that ships, with all kernels and small… */
  generic: number;
  /** … and by one with all kernels, made for speed and with the accelerator's bodies, as the own one is. */
  fast: number;
}

/** Counts what an image's own module saves. Throws `E_TOOL_MISSING`. */
export async function measureSpecialised(image: Image): Promise<SpecialisedFigures> {
  const board = boardCalled(BOARD);
  const count = async (name?: 'device' | 'device.accelerated'): Promise<number> => {
    const module = name ? moduleFrom(moduleBytes(name)) : await firmwareModule(image);
    // One function has the tiles of all kernels, and room on the stack for the largest.
    return (await countJob(image, board, { module, stackBytes: 2048 })).run;
  };
  return { own: await count(), generic: await count('device'), fast: await count('device.accelerated') };
}

/** MLPerf Tiny models as others count them: SRAM for large tiles, and no commit on the way. */
const PEER_MODELS: Record<string, () => QuantizedNetwork | undefined> = {
  'keywords, int8': () => trained('kws_ref_model.tflite'),
  'anomaly detection, int8': () => trained('ad01_int8.tflite'),
  // Weights do not change what kernels take: of the published topology, no file is needed.
  'image classification (ResNet8), int8, random weights': () => resnet8(new Random(8)),
  'visual wake words, int8, random weights': () => visualWakeWords(new Random(8)),
};

/** A network of BROWNOUT_DATA, if it is there. */
function trained(file: string): QuantizedNetwork | undefined {
  const path = `${process.env['BROWNOUT_DATA']}/models/${file}`;
  return existsSync(path) ? importModel(new Uint8Array(readFileSync(path))).network : undefined;
}

/** Instructions of the kernels alone, by model; trained ones only with BROWNOUT_DATA. Throws `E_TOOL_MISSING`. */
export async function countPeerModels(): Promise<{ model: string; instructions: number }[]> {
  const counted: { model: string; instructions: number }[] = [];
  for (const [model, make] of Object.entries(PEER_MODELS)) {
    const network = make();
    if (!network) continue;
    const sample = int8s(new Random(2), elementCount(network.tensors[network.input]!));
    const roomy = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e6, policy: 'never', verify: false };
    const image = readImage(compile(network, { sample, ...roomy }));
    const { ops } = await countOps(image, boardCalled(BOARD));
    counted.push({ model, instructions: ops.reduce((sum, op) => sum + op.enter + op.tiles, 0) });
  }
  return counted;
}
