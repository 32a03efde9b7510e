import { readArray } from '../data/samples.js';
import { BrownoutError, ExitCode } from '../error.js';
import { type Image, readImage } from '../model/image.js';
import { xrayHtml } from './page.js';
import { xrayText } from './report.js';
import { xray, type XrayOptions } from './xray.js';
import type { Command, CommandInput } from '../options/command.js';
import { asOf, asOption } from '../data/input-options.js';
import { readUserFile, wholeNumber, writeWhole } from '../data/files.js';
import { commandLine } from '../replay/power-options.js';

/** Samples, and from a .npz also labels and what the device was given. */
function dataOf(
  path: string,
  image: Image,
  options: CommandInput['options'],
): Pick<XrayOptions, 'data' | 'labels' | 'deviceData'> {
  const { input, preprocessing, classes } = image.metadata;
  const target = { shape: input.shape, preprocessing };
  const given = { target, ...asOf(options), ...(classes ? { classes } : {}) };
  const { array, labels, device } = readArray(path, given);
  return { data: array, ...(labels ? { labels } : {}), ...(device ? { deviceData: device } : {}) };
}

function optionsOf({ options }: CommandInput, image: Image): XrayOptions {
  const { reference, data, log, samples } = options;
  if (typeof reference !== 'string' || (typeof data !== 'string' && typeof log !== 'string')) {
    throw new BrownoutError({
      code: 'E_USAGE',
      found: typeof reference === 'string' ? 'neither --data nor --log' : 'no --reference',
      expected: '--reference FILE and --data FILE, --log FILE or both',
      hint: 'Run `brownout xray --help`.',
    });
  }
  return {
    reference: readUserFile(reference),
    ...(typeof data === 'string' ? dataOf(data, image, options) : {}),
    ...(typeof log === 'string' ? { log: readUserFile(log) } : {}),
    ...(typeof samples === 'string' ? { samples: Math.max(1, wholeNumber('samples', samples)) } : {}),
  };
}

export const xrayCommand: Command = {
  name: 'xray',
  positionals: ['image'],
  summary: 'Hold every layer of an image against the model, find where it goes wrong first, and why.',
  options: [
    { name: 'reference', value: 'MODEL', help: 'the model itself: .tflite or .onnx' },
    {
      name: 'data',
      value: 'FILE',
      help: 'inputs as the model takes them: .npz (x; also y: labels, device: what the device was given), .npy, .csv, …',
    },
    asOption,
    {
      name: 'log',
      value: 'FILE',
      help: 'what a device logged (docs/XRAY.md), in place of the simulated one',
    },
    { name: 'samples', value: 'N', help: 'samples looked at, at most (default 32)' },
    { name: 'report', value: 'FILE', help: 'write one self-contained HTML page' },
    { name: 'save-log', value: 'FILE', help: 'write the run as a device would log it' },
  ],
  examples: [
    'brownout xray model.brn --reference model.onnx --data samples.npz',
    'brownout xray model.brn --reference model.tflite --log device.log --report xray.html',
  ],
  run(input) {
    const { report, 'save-log': saveLog } = input.options;
    const image = readImage(readUserFile(input.positionals[0]!));
    const output = xray(image, { ...optionsOf(input, image), onSample: input.progress });
    const { pictures: _, log, ...result } = output;
    const written: string[] = [];
    if (typeof report === 'string') {
      writeWhole(report, new TextEncoder().encode(xrayHtml(output, commandLine('xray', input))));
      written.push(report);
    }
    if (typeof saveLog === 'string' && log) {
      writeWhole(saveLog, log);
      written.push(saveLog);
    }
    const text =
      written.length > 0 ? `${xrayText(result)}\n\nwritten: ${written.join(', ')}` : xrayText(result);
    return { json: result, text, exitCode: result.sound ? ExitCode.OK : ExitCode.WRONG };
  },
};
