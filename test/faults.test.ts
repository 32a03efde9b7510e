// A job whose hardware breaks restarts the part, on emulated cores, and is given up: by a fault of the core, a trap, an NMI.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware, type FirmwareExport } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { linkElf } from '../host/firmware/build-elf.js';
import { NvmFile, runOnBoard } from '../host/firmware/qemu.js';
import { linkerScript } from '../host/firmware/sources.js';
import { boardCalled, targetCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { boardPackages, hasPrograms, temporaryFolder } from './util/native.js';
import { runOracle } from './util/oracle.js';

const network = layered(new Random(2));
const image = readImage(compileUnproved(network, { policy: 'never' }));
/** The image carries no input: zeros. */
const answer = runOracle(network, new Int8Array(image.input.bytes))[network.output]!.join(' ');

/** What is exported for a core. */
const folders = new Map<string, Promise<FirmwareExport>>();
function exportedFor(target: string): Promise<FirmwareExport> {
  const known = folders.get(target) ?? exportFirmware(image, { target, verify: false });
  folders.set(target, known);
  return known;
}

/** The first job's hardware breaks whenever the job reads NVM. */
const POISON = `#include "brownout.h"
static void poison(uint32_t address) {
  if (address - BROWNOUT_DIAGNOSTICS < BROWNOUT_DIAGNOSTICS_BYTES) return;
  if (brownout_status() == BROWNOUT_RUN && brownout_ticket() == 1u) INSTEAD;
}
`;
const FAULTS: Record<string, [board: string, fault: string]> = {
  'Cortex-M, by a fault of the core': ['qemu-mps2-an386', '__asm__ volatile("udf #0")'],
  'Cortex-M, by a trap': ['qemu-mps2-an386', 'brownout_trap()'],
  'Cortex-M, by NMI': ['qemu-mps2-an386', '*(volatile uint32_t *)0xe000ed04u = 1u << 31'],
  'RISC-V': ['qemu-riscv-virt', '__asm__ volatile("ebreak")'],
};

for (const [name, [boardName, fault]] of Object.entries(FAULTS)) {
  const boardTest = hasPrograms(`a job that faults: ${name}`, boardPackages(boardName)) ? test : test.skip;
  boardTest(`${name}: a job that faults at every try restarts the part, and is given up`, async () => {
    const board = boardCalled(boardName);
    const folder = join(temporaryFolder('poison'), 'firmware');
    const files = new Map((await exportedFor(board.core)).files);
    const body = 'brownout_nvm_mapped.c';
    const text = Buffer.from(files.get(body)!).toString();
    const view = /const void \*brownout_nvm_view\(.*\n/;
    assert.match(text, view);
    const poisoned = text.replace(
      view,
      (head) => `${POISON.replace('INSTEAD', fault)}${head}  poison(address);\n`,
    );
    files.set(body, Buffer.from(poisoned));
    files.set('link.ld', Buffer.from(linkerScript(board)));
    writeFirmwareFolder(folder, files);
    const target = targetCalled(board.core);
    const sources = [...files.keys()].filter((file) => file.endsWith('.c'));
    const defines = [
      'BROWNOUT_SEMIHOSTING',
      'BROWNOUT_RESTARTS',
      `BROWNOUT_NVM_ADDRESS=${board.nvm.origin}u`,
    ];
    const elf = linkElf(folder, sources, { target, defines });
    const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
    const { lines, exitCode } = await runOnBoard(board, elf, nvm.path, { processorSeconds: 20 });
    assert.equal(lines.slice(-2), ['given up: ticket 1', `ticket 2 answer ${answer}`]);
    assert.is(exitCode, 0);
    // The first life submits; 128 more find the job where it was.
    const faults = lines.filter((line) => line === 'fault').length;
    if (fault !== 'brownout_trap()') assert.is(faults, 129);
  });
}

test.run();
