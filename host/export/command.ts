import { ExitCode } from '../error.js';
import { exportFirmware } from './export-firmware.js';
import { hardwareNames } from '../firmware/hardware.js';
import { layoutNames } from '../firmware/layouts.js';
import { nvmKinds } from '../firmware/nvm-bodies/index.js';
import { targetNames } from '../firmware/targets.js';
import { exportText } from './report.js';
import type { Command } from '../options/command.js';
import { readUserFile } from '../data/files.js';
import { writeFirmwareFolder } from './folder.js';

export const exportCommand: Command = {
  name: 'export',
  positionals: ['image'],
  summary: 'Write firmware as portable C99: module, image, hardware layer, Makefile; and link it.',
  options: [
    { name: 'target', value: 'NAME', help: `${targetNames.join(', ')} (default cortex-m4)` },
    { name: 'output', short: 'o', value: 'FOLDER', help: 'folder to write (default firmware)' },
    { name: 'nvm', value: 'KIND', help: `${nvmKinds.join(', ')} (default mapped; posix: file)` },
    { name: 'layout', value: 'NAME', help: `${layoutNames.join(', ')} (default make)` },
    { name: 'board', value: 'NAME', help: `memories of ${hardwareNames.join(', ')}` },
    { name: 'device', value: 'NAME', help: 'part it must fit (default cortex-m4-generic)' },
  ],
  examples: [
    'brownout export checkpoints/digits.brn --target cortex-m4 -o firmware/',
    'brownout export model.brn --target posix -o desk/',
    'brownout export model.brn --layout zephyr --nvm spi-fram -o modules/brownout/',
    'brownout export model.brn --board nrf52840dk --nvm flash -o firmware/',
  ],
  async run({ positionals, options }) {
    const text = (name: string): string | undefined => {
      const value = options[name];
      return typeof value === 'string' ? value : undefined;
    };
    const chosen = ['target', 'device', 'nvm', 'layout', 'board'].flatMap((name) => {
      const value = text(name);
      return value === undefined ? [] : [[name, value]];
    });
    const folder = text('output') ?? 'firmware';
    const exported = await exportFirmware(readUserFile(positionals[0]!), Object.fromEntries(chosen));
    const kept = writeFirmwareFolder(folder, exported.files);
    const { files, usage = null, note = null } = exported;
    return {
      json: {
        folder,
        target: exported.target,
        device: exported.device,
        files: [...files.keys()],
        usage,
        kept,
        note,
      },
      text: exportText(exported, folder, kept),
      exitCode: ExitCode.OK,
    };
  },
};
