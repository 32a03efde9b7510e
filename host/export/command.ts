import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { text } from '../options/kinds.js';
import { exportFirmware } from './export-firmware.js';
import { writeFirmwareFolder } from './folder.js';
import { exportOptions } from './options.js';
import { exportText } from './report.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    output: { kind: text('FOLDER', 'firmware/'), short: 'o', help: 'folder to write', otherwise: 'firmware' },
    ...cliOptions(exportOptions),
  },
  examples: [
    'brownout export checkpoints/digits.brn --target cortex-m4 -o firmware/',
    'brownout export model.brn --target posix -o desk/',
    'brownout export model.brn --layout zephyr --nvm spi-fram -o modules/brownout/',
    'brownout export model.brn --board nrf52840dk --nvm flash -o firmware/',
  ],
  async run({ positionals, options: { output: folder = 'firmware', ...options } }) {
    const exported = await exportFirmware(readUserFile(positionals[0]!), options);
    const kept = writeFirmwareFolder(folder, exported.files);
    const { files, usage = null, note = null, target, device } = exported;
    return {
      json: { folder, target, device, files: [...files.keys()], usage, kept, note },
      text: exportText(exported, folder, kept),
      exitCode: ExitCode.OK,
    };
  },
});
