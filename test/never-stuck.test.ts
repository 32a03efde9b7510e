// The example firmware lives on: after boots without progress, over NVM that cannot be read, and when a job faults.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import {
  CURSOR_BYTES,
  C_SEQUENCE,
  D_BOOTS,
  D_CRC,
  D_SEQUENCE,
  JobKind,
  N_IMAGE_ID,
  OP_TILES,
} from '../assembly/layout.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { linkElf } from '../host/firmware/build-elf.js';
import { NvmFile, runOnBoard } from '../host/firmware/qemu.js';
import { linkerScript } from '../host/firmware/sources.js';
import { boardCalled, targetCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { cursorBytes, idleFields } from '../host/model/cursor.js';
import { readImage } from '../host/model/image.js';
import { stateRecord } from '../host/model/state-record.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { boardPackages, hasPrograms, temporaryFolder } from './util/native.js';
import { runOracle } from './util/oracle.js';

const network = layered(new Random(2));
const image = readImage(compileUnproved(network, { policy: 'never' }));
const TILES = image.ops.reduce((sum, op) => sum + op.get(OP_TILES), 0);
/** The image carries no input: zeros. */
const answer = runOracle(network, new Int8Array(image.input.bytes))[network.output]!.join(' ');
const nativeTest = hasPrograms('the example at the desk', { gcc: 'gcc', make: 'make' }) ? test : test.skip;

/** NVM as a device leaves it that was cut in a job's first tile, `boots` times. */
function stuck(boots: number): Uint8Array {
  const nvm = new Uint8Array(image.nvmBytes);
  nvm.set(stateRecord(image.imageId));
  const job = { ...idleFields(image.imageId), state: Status.RUN, ticket: 1, kind: JobKind.INFER };
  nvm.set(cursorBytes(job, 1), image.slots.offset);
  const counted = new DataView(nvm.buffer, image.diagnostics.offset, D_CRC + 4);
  counted.setUint32(D_SEQUENCE, 1, true);
  counted.setUint32(D_BOOTS, boots, true);
  const { buffer, byteOffset } = counted;
  counted.setUint32(D_CRC, crc32(new Uint8Array(buffer, byteOffset, D_CRC)), true);
  return nvm;
}

const sequences = (nvm: Uint8Array): number =>
  Math.max(
    ...[0, 1].map((slot) => {
      const at = image.slots.offset + slot * image.slotStride;
      return new DataView(nvm.buffer, nvm.byteOffset + at, CURSOR_BYTES).getUint32(C_SEQUENCE, true);
    }),
  );

let program: Promise<string> | undefined;

/** The example's folder, built for this machine. */
async function built(): Promise<string> {
  const folder = join(temporaryFolder('stuck'), 'firmware');
  writeFirmwareFolder(folder, (await exportFirmware(image, { target: 'posix' })).files);
  execFileSync('make', ['-s'], { cwd: folder, stdio: 'pipe' });
  return folder;
}

/** What one run of the example prints over `nvm`, and the NVM it leaves. */
async function runOver(nvm: Uint8Array): Promise<{ out: string; left: Uint8Array }> {
  program ??= built();
  const folder = await program;
  writeFileSync(join(folder, 'nvm.bin'), nvm);
  const out = execFileSync('./firmware', { cwd: folder, encoding: 'utf8' });
  return { out, left: readFileSync(join(folder, 'nvm.bin')) };
}

nativeTest(
  'a job that got nowhere is done with a commit a tile, and given up after the stated bound',
  async () => {
    // Submit, the answer and its delivery are commits; every tile but the last adds one.
    const cases = [
      { boots: 0, says: `ticket 1 answer ${answer}\n`, commits: 2 },
      { boots: 3, says: `ticket 1 answer ${answer}\n`, commits: 2 },
      { boots: 4, says: `ticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: image.maxBoots, says: `ticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: 127, says: `ticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: 128, says: `given up: ticket 1\nticket 2 answer ${answer}\n` },
    ];
    assert.ok(TILES > 2);
    for (const { boots, says, commits } of cases) {
      const { out, left } = await runOver(stuck(boots));
      assert.is(out, says, `${boots} boots`);
      if (commits !== undefined) assert.is(sequences(left), 1 + commits, `${boots} boots`);
    }
  },
);

nativeTest('NVM that cannot be read as this image is provisioned anew, with a record', async () => {
  const { E_CURSOR, E_CURSOR_IMAGE } = ErrorCode;
  const foreign = cursorBytes(idleFields(image.imageId ^ 1), 1);
  const cases: [code: number, at: number, bytes: Uint8Array][] = [
    [E_CURSOR, image.slots.offset, new Uint8Array(CURSOR_BYTES)],
    [E_CURSOR_IMAGE, image.slots.offset, foreign],
    [E_CURSOR_IMAGE, N_IMAGE_ID, new Uint8Array([1, 2, 3, 4])],
  ];
  for (const [code, at, bytes] of cases) {
    const nvm = stuck(0);
    nvm.set(bytes, at);
    const { out } = await runOver(nvm);
    assert.is(out, `provisioned anew after ${code}\nticket 1 answer ${answer}\n`);
  }
});

nativeTest(
  'an update: the old model’s NVM is refused under the new firmware, and never its answers',
  async () => {
    const other = layered(new Random(3));
    const old = readImage(compileUnproved(other, { policy: 'never' }));
    assert.is.not(old.imageId, image.imageId);
    for (const ticket of [0, 1]) {
      const nvm = new Uint8Array(Math.max(old.nvmBytes, image.nvmBytes));
      nvm.set(stateRecord(old.imageId));
      const state = ticket ? Status.DONE : Status.IDLE;
      nvm.set(cursorBytes({ ...idleFields(old.imageId), state, ticket }, 1), old.slots.offset);
      const { out } = await runOver(nvm);
      assert.is(out, `provisioned anew after ${ErrorCode.E_CURSOR_IMAGE}\nticket 1 answer ${answer}\n`);
    }
  },
);

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
    const { files } = await exportFirmware(image, { target: board.core });
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
    const { lines, exitCode } = await runOnBoard(board, elf, nvm.path);
    assert.equal(lines.slice(-2), ['given up: ticket 1', `ticket 2 answer ${answer}`]);
    assert.is(exitCode, 0);
    // The first life submits; 128 more find the job where it was.
    const faults = lines.filter((line) => line === 'fault').length;
    if (fault !== 'brownout_trap()') assert.is(faults, 129);
  });
}

test.run();
