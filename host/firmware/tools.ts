// Programs of others that firmware needs: found on the PATH, and asked for by name where they are not.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BrownoutError, ExitCode } from '../error.js';

/** Debian packages, by program. */
const PACKAGES = {
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
  'arm-none-eabi-size': 'binutils-arm-none-eabi',
  'riscv64-unknown-elf-gcc': 'gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf',
  'riscv64-unknown-elf-size': 'binutils-riscv64-unknown-elf',
  'qemu-system-arm': 'qemu-system-arm',
  'qemu-system-riscv32': 'qemu-system-misc',
  gcc: 'gcc libc6-dev',
  clang: 'clang',
  'ld.lld': 'lld',
  'llvm-size': 'llvm',
  mspdebug: 'mspdebug',
  openocd: 'openocd',
} as const;

/** C libraries, which come apart from the compilers: their Debian packages, and what the compiler is told to find them. */
const LIBRARIES = {
  'arm-none-eabi-gcc': { package: 'libnewlib-arm-none-eabi', flags: [] },
  'riscv64-unknown-elf-gcc': { package: 'picolibc-riscv64-unknown-elf', flags: ['--specs=picolibc.specs'] },
  gcc: { package: 'libc6-dev', flags: [] },
  // Of MSP430 parts, for which it needs none (firmware/brownout_string.h).
  clang: { package: 'clang', flags: ['--target=msp430', '-ffreestanding'] },
} as const satisfies Partial<Record<keyof typeof PACKAGES, { package: string; flags: readonly string[] }>>;

/** A compiler that needs a C library. */
export type Compiler = keyof typeof LIBRARIES;
export type Tool = keyof typeof PACKAGES;

/** Path of a tool; undefined where there is none. */
export function findTool(tool: Tool): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return join(folder, tool);
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Debian packages of a tool. */
export const packagesOf = (tool: Tool): string => PACKAGES[tool];

/** How to get a tool. */
export const installHint = (tool: Tool): string => `Run \`apt-get install ${packagesOf(tool)}\`.`;

/** Path of a tool. Throws `E_TOOL_MISSING`. */
export function requireTool(tool: Tool): string {
  const path = findTool(tool);
  if (path !== undefined) return path;
  throw new BrownoutError(
    {
      code: 'E_TOOL_MISSING',
      found: `no program ${tool}`,
      expected: `${tool} on the PATH`,
      hint: installHint(tool),
    },
    ExitCode.TOOL,
  );
}

const isCompiler = (program: string): program is Compiler => Object.hasOwn(LIBRARIES, program);

/** Whether a program that is there has the C library it needs: only compilers do. */
export function hasLibrary(program: string): boolean {
  if (!isCompiler(program)) return true;
  const { status } = spawnSync(program, [...LIBRARIES[program].flags, '-fsyntax-only', '-x', 'c', '-'], {
    input: `#include <stdint.h>\n${program === 'clang' ? '' : '#include <string.h>\n'}`,
  });
  return status === 0;
}

/** Throws `E_TOOL_MISSING` where a compiler has no C library. */
export function requireLibrary(compiler: Compiler): void {
  if (hasLibrary(compiler)) return;
  throw new BrownoutError(
    {
      code: 'E_TOOL_MISSING',
      found: `${compiler} without a C library`,
      expected: 'its stdint.h and string.h',
      hint: `Run \`apt-get install ${LIBRARIES[compiler].package}\`.`,
    },
    ExitCode.TOOL,
  );
}
