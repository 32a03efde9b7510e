// Programs of others that firmware needs: found on the PATH, and asked for by name where they are not.
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
  openocd: 'openocd',
} as const;

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
