// C programs on this machine, for tests: what the emitted C computes.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boardCalled, compilerOf, targetCalled } from '../../host/firmware/targets.js';
import { hasLibrary, packagesOf } from '../../host/firmware/tools.js';

/** C that goes into firmware. */
export const firmwareFolder = fileURLToPath(new URL('../../../firmware/', import.meta.url));

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed when the process ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `brownout-${name}-`));
  folders.push(folder);
  return folder;
}

const found = (program: string): boolean => {
  const path = (process.env['PATH'] ?? '').split(':');
  return path.some((folder) => folder !== '' && existsSync(join(folder, program)));
};

/**
 * Whether programs from Debian packages are there, compilers with their C libraries. If not, says what to do, in a
 * line that `npm test` repeats at its end; `scripts/install-tools.sh` installs all that tests name here.
 */
export function hasPrograms(subject: string, packages: Record<string, string>): boolean {
  const missing = Object.keys(packages).filter((program) => !found(program) || !hasLibrary(program));
  if (missing.length === 0) return true;
  const names = [...new Set(missing.map((program) => packages[program]!))];
  console.log(`skipped: ${subject}: no ${missing.join(', ')}. To enable: apt-get install ${names.join(' ')}`);
  return false;
}

/** Programs that building for a board and emulating it take, with their packages. */
export function boardPackages(name: string): Record<string, string> {
  const { core, emulator } = boardCalled(name);
  return Object.fromEntries(
    [compilerOf(targetCalled(core)), emulator].map((tool) => [tool, packagesOf(tool)]),
  );
}

/** Compiles `sources` to `program`. Throws with the compiler's words. */
export function compileNative(program: string, sources: string[], flags: string[] = []): void {
  const common = ['-std=c99', '-Wall', '-Wextra', '-Werror'];
  execFileSync('gcc', [...common, ...flags, '-I', firmwareFolder, '-o', program, ...sources], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
