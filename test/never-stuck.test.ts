// The example firmware lives on: after boots without progress, over NVM that cannot be read or written, and when the supply warns.
import { execFileSync, spawnSync } from 'node:child_process';
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
import { exportFirmware, type FirmwareExport } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { cursorBytes, idleFields } from '../host/model/cursor.js';
import { type Image, readImage } from '../host/model/image.js';
import { stateRecord } from '../host/model/state-record.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms, temporaryFolder } from './util/native.js';
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

/** The number of the newest cursor. */
const sequences = (nvm: Uint8Array, { slots, slotStride }: Image = image): number =>
  Math.max(
    ...[0, 1].map((slot) => {
      const at = slots.offset + slot * slotStride;
      return new DataView(nvm.buffer, nvm.byteOffset + at, CURSOR_BYTES).getUint32(C_SEQUENCE, true);
    }),
  );

/** A change of one file of the folder: what stands there, what takes its place. */
type Edit = readonly [file: string, from: string, to: string];
/** Sleep that can be seen. */
const SEEN: Edit = [
  'brownout_board_posix.c',
  'brownout_board_sleep(void) {\n',
  'brownout_board_sleep(void) {\n  brownout_board_print("slept\\n");\n',
];

const exports = new Map<Image, Promise<FirmwareExport>>();

/** The example's folder, built for this machine, with changes. */
async function built(of: Image, ...edits: readonly Edit[]): Promise<string> {
  const folder = join(temporaryFolder('stuck'), 'firmware');
  const exported = exports.get(of) ?? exportFirmware(of, { target: 'posix', verify: false });
  exports.set(of, exported);
  const files = new Map((await exported).files);
  for (const [file, from, to] of [SEEN, ...edits]) {
    const text = Buffer.from(files.get(file)!).toString();
    assert.ok(text.includes(from), `${file} has no ${from}`);
    files.set(file, Buffer.from(text.replace(from, to)));
  }
  writeFirmwareFolder(folder, files);
  execFileSync('make', ['-s', 'CFLAGS=-std=c99'], { cwd: folder, stdio: 'pipe' });
  return folder;
}

/** Whoever hangs ends. */
const LIMITED = 'ulimit -t 10; exec ./firmware';

/** What one run of the example in `folder` prints over `nvm`, how it ends, and the NVM it leaves. */
function runIn(folder: string, nvm: Uint8Array): { out: string; status: number | null; left: Uint8Array } {
  writeFileSync(join(folder, 'nvm.bin'), nvm);
  const { stdout, status } = spawnSync('sh', ['-c', LIMITED], { cwd: folder, encoding: 'utf8' });
  return { out: stdout, status, left: readFileSync(join(folder, 'nvm.bin')) };
}

let program: Promise<string> | undefined;

/** What one run of the example as it is prints, and the NVM it leaves; it must end well. */
async function runOver(nvm: Uint8Array): Promise<{ out: string; left: Uint8Array }> {
  program ??= built(image);
  const { out, status, left } = runIn(await program, nvm);
  assert.is(status, 0, out);
  return { out, left };
}

nativeTest(
  'a job that got nowhere is done with a commit a tile, and given up after the stated bound',
  async () => {
    // Submit, the answer and its delivery are commits; every tile but the last adds one.
    const cases = [
      { boots: 0, says: `ticket 1 answer ${answer}\n`, commits: 2 },
      { boots: 3, says: `ticket 1 answer ${answer}\n`, commits: 2 },
      { boots: 4, says: `ticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: image.maxBoots - 1, says: `ticket 1 answer ${answer}\n`, commits: TILES + 1 },
      // From the image's bound on it sleeps first.
      { boots: image.maxBoots, says: `slept\nticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: 127, says: `slept\nticket 1 answer ${answer}\n`, commits: TILES + 1 },
      { boots: 128, says: `slept\ngiven up: ticket 1\nticket 2 answer ${answer}\n` },
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

nativeTest('NVM that cannot be written, an error that comes again: said, slept on, a failure', async () => {
  const write = 'void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {\n';
  const broken = await built(image, ['brownout_nvm_file.c', write, `${write}  if (length) return;\n`]);
  const { out, status } = runIn(broken, new Uint8Array(image.nvmBytes));
  const { E_MAGIC } = ErrorCode;
  assert.is(out, `provisioned anew after ${E_MAGIC}\nerror ${E_MAGIC}\nslept\n`);
  assert.is(status, 1);
});

nativeTest('a supply that warns: a commit, sleep, and the job goes on', async () => {
  const warned = readImage(compileUnproved(network, { policy: 'low' }));
  const low: Edit = ['brownout_hal_posix.c', '  return 0;\n', '  static int asked;\n  return asked++ < 3;\n'];
  const { out, status, left } = runIn(await built(warned, low), new Uint8Array(warned.nvmBytes));
  assert.is(out, `slept\nslept\nslept\nticket 1 answer ${answer}\n`);
  assert.is(status, 0);
  // Submit, three warnings, the answer, its delivery.
  assert.is(sequences(left, warned), 6);
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

test.run();
