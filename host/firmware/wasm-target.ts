// For runtimes that load WASM: module, image, and the functions it imports, in C for wasm3 and WAMR.
import type { Image } from '../model/image.js';
import { buildDevice } from '../toolchain/build-device.js';
import type { NvmKind } from './nvm-bodies/index.js';
import { sramBytes } from './model-c.js';
import { commonFiles, moduleFrom, MODULE, nvmFiles, packageText } from './sources.js';
import { targetCalled } from './targets.js';

/** A page of WASM: the least that a module's memory takes. */
const PAGE_BYTES = 65_536;

/** The files by name, and what RAM they take. Throws `E_TOOL_MISSING`. */
export async function wasmFiles(
  image: Image,
  nvm: NvmKind,
): Promise<{ files: Map<string, Uint8Array>; note: string; wasm: Uint8Array }> {
  const wasm = await buildDevice(image);
  const module = moduleFrom(wasm);
  const common = commonFiles(image, module);
  const note = [
    `RAM: the module's memory, one page of ${PAGE_BYTES} bytes, of which it uses ${sramBytes(image, module)};`,
    `the module itself, ${wasm.length} bytes, unless the runtime runs it from flash; and the runtime's own.`,
    'Interpreters take 20 to 50 times the instructions of the C that other targets are.',
  ].join('\n');
  const text = new Map<string, string>([
    ...['brownout_model.h', 'brownout_model.c', 'brownout_hal.h', 'brownout_settings.h'].map(
      (name): [string, string] => [name, common.get(name)!],
    ),
    ...[
      'brownout_hal.c',
      'brownout_host.h',
      'brownout_host_wasm3.c',
      'brownout_host_wamr.c',
      ...nvmFiles({ nvm, target: targetCalled('wasm') }),
    ].map((name): [string, string] => {
      return [name, packageText(name)];
    }),
    ['README.txt', `${note}\n`],
  ]);
  const files = new Map<string, Uint8Array>([
    [MODULE, wasm],
    ['image.bin', image.device],
    ...[...text].map(([name, content]): [string, Uint8Array] => [name, new Uint8Array(Buffer.from(content))]),
  ]);
  return { files, note, wasm };
}
