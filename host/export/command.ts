import { basename, extname } from 'node:path';
import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { text } from '../options/kinds.js';
import { exportFirmware } from './export-firmware.js';
import { checkFirmwareFolder, writeFirmwareFolder } from './folder.js';
import { exportOptions } from './options.js';
import { exportText } from './report.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    output: {
      kind: text('FOLDER', 'app/'),
      short: 'o',
      help: 'folder to write',
      otherwise: 'the image’s name and -firmware',
    },
    ...cliOptions(exportOptions),
  },
  examples: [
    'brownout export checkpoints/digits.brn --target cortex-m4 -o app/',
    'brownout export model.brn --target posix -o desk/',
    'brownout export model.brn --layout zephyr --nvm spi-fram -o modules/brownout/',
    'brownout export model.brn --board nrf52840dk --nvm flash -o app/',
    'brownout export model.brn --board nrf52840dk --part fm25v10 -o app/',
  ],
  async run({ positionals, options: { output, from, signedBy, ...options } }) {
    const path = positionals[0]!;
    const folder = output ?? `${basename(path, extname(path))}-firmware`;
    checkFirmwareFolder(folder);
    const earlier = from && { from: from.map((one) => readUserFile(one)) };
    const signer = signedBy === undefined ? {} : { signedBy: readUserFile(signedBy) };
    const exported = await exportFirmware(readUserFile(path), { ...options, ...earlier, ...signer });
    const kept = writeFirmwareFolder(folder, exported.files);
    const { origin, files, usage = null, note = null, target, device, module, support } = exported;
    return {
      json: {
        origin,
        ...(exported.signedBy === undefined ? {} : { signedBy: exported.signedBy }),
        folder,
        target,
        device,
        notes: exported.notes,
        files: [...files.keys()],
        module,
        from: exported.from,
        usage,
        kept,
        note,
        support,
        part: exported.part ?? null,
      },
      text: exportText(exported, folder, kept),
      exitCode: ExitCode.OK,
    };
  },
});
