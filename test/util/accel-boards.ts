// C that calls accel.* on emulated boards, with the DSP extension and without: the same bytes as in Node.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linkElf, writeFiles } from '../../host/firmware/build-elf.js';
import { NvmFile, runOnBoard } from '../../host/firmware/qemu.js';
import { linkerScript, packageText } from '../../host/firmware/sources.js';
import { boardCalled, targetCalled } from '../../host/firmware/targets.js';
import { boardPackages, hasPrograms, temporaryFolder } from './native.js';

/**
 * Tests that `source` prints what `checksum` gives on `cores`; `product` is the instruction that those with DSP run. `more`: files
 * beside it, made for the test.
 */
export function testOnBoards(
  what: string,
  source: string,
  checksum: () => string,
  product: string,
  more: readonly (readonly [name: string, text: string])[] = [],
  cores: readonly string[] = [
    'cortex-m0plus',
    'cortex-m3',
    'cortex-m4',
    'cortex-m7',
    'cortex-m33',
    'rv32imc',
  ],
): void {
  // Code of a Cortex-M0+ runs on a Cortex-M3.
  const small = { ...boardCalled('qemu-mps2-an385'), core: 'cortex-m0plus' };
  const names = ['mps2-an385', 'mps2-an386', 'mps2-an500', 'mps2-an505', 'riscv-virt'];
  const others = names.map((name) => boardCalled(`qemu-${name}`));
  for (const board of [small, ...others].filter(({ core }) => cores.includes(core))) {
    const boards = hasPrograms(`${what}: ${board.name}`, boardPackages(board.name)) ? test : test.skip;
    boards(`${board.core} of ${board.name}: the same bytes as in Node`, async () => {
      const folder = temporaryFolder(board.core);
      const target = targetCalled(board.core);
      const files = [
        ...target.startup,
        'brownout_wasm.h',
        'brownout_string.h',
        'brownout_accel.h',
        'brownout_accel_add.h',
        'brownout_accel_circulant.h',
        'brownout_accel_windows.h',
        'brownout_accel_depthwise.h',
        'brownout_accel_ntt.h',
        'brownout_accel_ntt_dsp.h',
        'brownout_accel_signs.h',
        'brownout_accel_xnor.h',
        'brownout_accel_xnor_planes.h',
        'brownout_accel_xnor_single.h',
        'brownout_accel_halves.h',
        'brownout_accel_nibbles.h',
        'brownout_accel_plain.h',
        'brownout_accel_wide.h',
        'brownout_accel_winograd.h',
        'brownout_board.h',
      ].map((file) => [file, packageText(file)] as const);
      writeFiles(folder, new Map([...files, ...more, ['link.ld', linkerScript(board)]]));
      const elf = linkElf(
        folder,
        [source, target.startup[0]!],
        { target, defines: ['BROWNOUT_SEMIHOSTING'] },
        [`-I${folder}`],
      );
      const dump = execFileSync(`${target.toolchain!.prefix}objdump`, ['-d', elf], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      });
      assert.is(
        new RegExp(`\\b${product}\\b`).test(dump),
        /m4|m7|m33/.test(board.core),
        `whether ${product} is bound`,
      );
      const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
      const { lines, exitCode } = await runOnBoard(board, elf, nvm.path);
      assert.equal([lines, exitCode], [[checksum()], 0]);
    });
  }
}
