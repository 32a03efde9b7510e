// The device module as C on this machine: all kernels, NVM in memory, jobs through a pipe.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emitFunctions } from '../../host/firmware/emit-c.js';
import type { Image } from '../../host/model/image.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes } from '../../host/toolchain/modules.js';
import { compileNative } from './native.js';

/** A job: NVM as provisioned, the part's SRAM, one input. */
interface NativeJob {
  image: Image;
  input: Int8Array;
  sramBytes: number;
}

/** What the job left: the state that `run` ended with, and NVM. */
interface NativeResult {
  state: number;
  nvm: Uint8Array;
}

const NVM_BYTES = 1 << 20;

const HARNESS = `
#define SRAM_BYTES 65536u
#define WASM_MEMORY_BYTES (SRAM_BYTES + ${NVM_BYTES}u)
#include "wasm.h"
#include <stdio.h>
#include <stdlib.h>
static u8 *const nvm = wasm_memory.bytes + SRAM_BYTES;
void wasm_trap(void) { fprintf(stderr, "trap\\n"); exit(70); }
static u32 m_import_nvm_view(u32 address, u32 length, u32 scratch) {
#ifdef IN_PLACE
  (void)length; (void)scratch;
  return SRAM_BYTES + address;
#else
  memcpy(wasm_memory.bytes + scratch, nvm + address, length);
  return scratch;
#endif
}
static void m_import_nvm_write(u32 address, u32 source, u32 length) {
  memcpy(nvm + address, wasm_memory.bytes + source, length);
}
static void m_import_nvm_sync(void) {}
static u32 m_import_power_low(void) { return 0; }
#ifdef WASM_CHECKED
static u32 limit;
void on_store(u32 address, u32 bytes) { if (address + bytes > limit) wasm_trap(); }
#endif
#include "device.inc"
static void get(void *to, size_t bytes) { if (fread(to, 1, bytes, stdin) != bytes) exit(71); }
int main(void) {
  u32 head[4];
  static u8 input[65536];
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    s32 state;
    u32 at;
    get(nvm, head[0]);
    get(input, head[2]);
    memset(wasm_memory.bytes, 0xa5, SRAM_BYTES);
#ifdef WASM_CHECKED
    limit = head[1];
#endif
    m_start();
    state = (s32)m_boot(0, head[0], head[1]);
    for (at = 0; at < head[2] && state >= 0; at += head[1] - head[3]) {
      const u32 room = head[1] - head[3];
      const u32 piece = head[2] - at < room ? head[2] - at : room;
      memcpy(wasm_memory.bytes + head[3], input + at, piece);
      state = (s32)m_feed(head[3], piece);
    }
    if (state >= 0) state = (s32)m_submit(1, 0);
    while (state == 1) state = (s32)m_run(0);
    for (at = head[1]; at < SRAM_BYTES; at++) if (wasm_memory.bytes[at] != 0xa5) wasm_trap();
    fwrite(&state, 1, 4, stdout);
    fwrite(nvm, 1, head[0], stdout);
  }
  return 0;
}
`;

/** Builds of the module in C: checked with a store hook and copied views, or as it ships with views in place. */
export type NativeBuild = 'checked' | 'in-place';

const FLAGS: Record<NativeBuild, string[]> = {
  checked: ['-O1', '-DWASM_CHECKED', '-DWASM_STORE_HOOK=on_store'],
  'in-place': ['-O2', '-DIN_PLACE'],
};

/** Compiles the device module with all kernels into `folder`; returns the program. */
export function buildNativeDevice(folder: string, build: NativeBuild): string {
  const [source, program] = [join(folder, 'device.c'), join(folder, `device-${build}`)];
  writeFileSync(source, HARNESS);
  writeFileSync(join(folder, 'device.inc'), emitFunctions(moduleBytes('device'), { prefix: 'm_' }));
  compileNative(program, [source], [...FLAGS[build], '-Wno-unused-parameter', '-Wno-unused-function']);
  return program;
}

const uint32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** Runs jobs, each on a device of its own. */
export function runNative(program: string, jobs: readonly NativeJob[], arena: number): NativeResult[] {
  const input = Buffer.concat(
    jobs.flatMap(({ image, input: x, sramBytes }) => {
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image);
      const bytes = new Uint8Array(x.buffer, x.byteOffset, x.length);
      return [uint32s(image.nvmBytes, sramBytes, x.length, arena), nvm.cells, bytes];
    }),
  );
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`the C device ended with ${status}: ${stderr}`);
  let at = 0;
  return jobs.map(({ image }) => {
    const state = stdout.readInt32LE(at);
    const nvm = new Uint8Array(stdout.subarray(at + 4, at + 4 + image.nvmBytes));
    at += 4 + image.nvmBytes;
    return { state, nvm };
  });
}
