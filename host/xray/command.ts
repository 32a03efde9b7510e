import { readUserFile, writeWhole } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import type { ReadAs } from '../data/model-input.js';
import { readArray } from '../data/samples.js';
import { BrownoutError, ExitCode } from '../error.js';
import { type Image, readImage } from '../model/image.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { LOG_FILE, PAGE_FILE } from '../options/outputs.js';
import { type XrayOptions, xrayOptions } from './options.js';
import { xrayHtml } from './page.js';
import { xrayText } from './report.js';
import { xray } from './xray.js';

/** Samples, and from a .npz also labels and what the device was given. */
function dataOf(
  path: string,
  image: Image,
  as: ReadAs | undefined,
): Pick<XrayOptions, 'data' | 'labels' | 'deviceData'> {
  const { input, preprocessing, classes } = image.metadata;
  const target = { shape: input.shape, preprocessing };
  const given = { target, ...(as ? { as } : {}), ...(classes ? { classes } : {}) };
  const { array, labels, device } = readArray(path, given);
  return { data: array, ...(labels ? { labels } : {}), ...(device ? { deviceData: device } : {}) };
}

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    ...cliOptions(xrayOptions),
    data: { ...xrayOptions.data, hinted: true },
    as: asOption,
    report: { kind: outputFile(PAGE_FILE, 'xray.html'), help: 'write one self-contained HTML page' },
    saveLog: { kind: outputFile(LOG_FILE, 'device.log'), help: 'write the run as a device would log it' },
  },
  examples: [
    'brownout xray model.brn --reference model.onnx --data samples.npz',
    'brownout xray model.brn --reference model.tflite --log device.log --report xray.html',
  ],
  run({ positionals, options, progress, commandLine }) {
    const { report, saveLog, reference, data, as, log: logged, samples } = options;
    if (data === undefined && logged === undefined) {
      const found = 'neither --data nor --log';
      const hint = `Add inputs, such as \`${commandLine} --data samples.npz\`.`;
      throw new BrownoutError({ code: 'E_USAGE', found, expected: '--data FILE, --log FILE or both', hint });
    }
    const image = readImage(readUserFile(positionals[0]!));
    const output = xray(image, {
      reference: readUserFile(reference!),
      ...(data === undefined ? {} : dataOf(data, image, as)),
      ...(logged === undefined ? {} : { log: readUserFile(logged) }),
      ...(samples === undefined ? {} : { samples }),
      onSample: progress,
    });
    const { pictures: _, log, ...result } = output;
    const written: string[] = [];
    if (report !== undefined) {
      writeWhole(report, new TextEncoder().encode(xrayHtml(output, commandLine)));
      written.push(report);
    }
    if (saveLog !== undefined && log) {
      writeWhole(saveLog, log);
      written.push(saveLog);
    }
    const table = xrayText(result);
    const text = written.length > 0 ? `${table}\n\nwritten: ${written.join(', ')}` : table;
    return { json: result, text, exitCode: result.sound ? ExitCode.OK : ExitCode.WRONG };
  },
});
