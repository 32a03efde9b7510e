// A firmware folder as `export` writes one, of a few files.
import { createHash } from 'node:crypto';
import { MANIFEST, type Manifest } from '../../host/firmware/manifest.js';
import type { Image } from '../../host/model/image.js';

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A linked program for flash that begins at 0. */
export function elf(): Uint8Array {
  const bytes = new Uint8Array(52 + 32 + 16);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint32(28, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 1, true);
  [1, 84, 0, 0, 16].forEach((word, i) => view.setUint32(52 + 4 * i, word, true));
  return bytes;
}

/** Files by name; the manifest says of all of them what they were written as. */
export function firmwareFolder(image: Image, module: Uint8Array): Record<string, Uint8Array> {
  const made = {
    'brownout_module.wasm': module,
    'brownout_model.c': text('int model;\n'),
    'main.c': text('int main(void) { return 0; }\n'),
    'firmware.elf': elf(),
  };
  const manifest: Manifest = {
    ...{ tool: 'brownout', version: '0.1.0', board: 'nrf52840dk', nvm: 'mapped', part: null, layout: 'make' },
    ...{ target: 'posix', device: 'cortex-m4-generic', name: 'learnable', imageId: image.imageId },
    imageSha256: sha256(image.file),
    module: { file: 'brownout_module.wasm', bytes: 1, sha256: '', proved: ['infer'], compared: null },
    files: Object.fromEntries(Object.entries(made).map(([name, bytes]) => [name, sha256(bytes)])),
  };
  return { ...made, [MANIFEST]: text(JSON.stringify(manifest)) };
}
