// The device module as C on this machine: all kernels, NVM in memory, jobs through a pipe.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emitFunctions } from '../../host/firmware/emit-c.js';
import type { Values } from '../../host/model/values.js';
import type { Image } from '../../host/model/image.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { buildParts } from '../../host/toolchain/build-device.js';
import { EVERYTHING } from '../../host/toolchain/parts.js';
import { compileNative } from './native.js';
import { WASM2C_RUNTIME, wasm2cText } from './wasm2c.js';

/** A job: NVM as provisioned, the part's SRAM, one input. */
interface NativeJob {
  image: Image;
  input: Values;
  sramBytes: number;
}

/** What the job left: the state that `run` ended with, and NVM. */
interface NativeResult {
  state: number;
  nvm: Uint8Array;
}

export const NVM_BYTES = 1 << 20;

const HARNESS = `
#define SRAM_BYTES 65536u
#define BROWNOUT_WASM_MEMORY_BYTES (SRAM_BYTES + ${NVM_BYTES}u)
#ifdef WASM2C
${WASM2C_RUNTIME}
#define MEMORY wasm2c_memory
static uint8_t nvm[${NVM_BYTES}];
#else
#include "brownout_wasm.h"
#define MEMORY wasm_memory.bytes
#ifdef SANITIZED
/* NVM in a block of just its size; SRAM beyond the part's must not be touched either. */
#include <sanitizer/asan_interface.h>
#include <sys/time.h>
static uint8_t *nvm, *image;
#else
static uint8_t *const nvm = wasm_memory.bytes + SRAM_BYTES;
#endif
#endif
#include <stdio.h>
#include <stdlib.h>
void brownout_trap(void) { fprintf(stderr, "trap\\n"); exit(70); }
static uint32_t m_import_nvm_view(uint32_t address, uint32_t length, uint32_t scratch) {
#ifdef IN_PLACE
  (void)length; (void)scratch;
  return SRAM_BYTES + address;
#else
  memcpy(MEMORY + scratch, nvm + address, length);
  return scratch;
#endif
}
#ifndef SANITIZED
static uint8_t image[1 << 20];
#endif
static uint32_t m_import_image_view(uint32_t address, uint32_t length, uint32_t scratch) {
  memcpy(MEMORY + scratch, image + address, length);
  return scratch;
}
static void m_import_nvm_write(uint32_t address, uint32_t source, uint32_t length) {
  memcpy(nvm + address, MEMORY + source, length);
}
static void m_import_nvm_sync(void) {}
static uint32_t m_import_power_low(void) { return 0; }
#ifdef BROWNOUT_WASM_CHECKED
static uint32_t limit;
void on_store(uint32_t address, uint32_t bytes) { if (address + bytes > limit) brownout_trap(); }
#endif
#ifdef WASM2C
#include "device2c.inc"
uint32_t Z_nvmZ_view(struct Z_nvm_instance_t *i, uint32_t a, uint32_t b, uint32_t c) { (void)i; return m_import_nvm_view(a, b, c); }
uint32_t Z_imageZ_view(struct Z_image_instance_t *i, uint32_t a, uint32_t b, uint32_t c) { (void)i; return m_import_image_view(a, b, c); }
void Z_nvmZ_write(struct Z_nvm_instance_t *i, uint32_t a, uint32_t b, uint32_t c) { (void)i; m_import_nvm_write(a, b, c); }
void Z_nvmZ_sync(struct Z_nvm_instance_t *i) { (void)i; m_import_nvm_sync(); }
uint32_t Z_powerZ_low(struct Z_power_instance_t *i) { (void)i; return m_import_power_low(); }
static Z_m_instance_t m;
static void m_start(void) {
  free(wasm2c_memory);
  Z_m_init_module();
  Z_m_instantiate(&m, 0, 0, 0);
}
#define m_boot(a, b, c, d, e) Z_mZ_boot(&m, a, b, c, d, e)
#define m_feed(a, b) Z_mZ_feed(&m, a, b)
#define m_submit(a, b) Z_mZ_submit(&m, a, b)
#define m_run(a) Z_mZ_run(&m, a)
#else
#include "device.inc"
#endif
static void get(void *to, size_t bytes) { if (fread(to, 1, bytes, stdin) != bytes) exit(71); }
int main(void) {
  uint32_t head[5];
  static uint8_t input[65536];
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    int32_t state;
    uint32_t at;
#ifdef SANITIZED
    const struct itimerval most = {{0, 0}, {2, 0}};
    setitimer(ITIMER_VIRTUAL, &most, NULL);
    nvm = malloc(head[0]);
    image = malloc(head[4]);
    ASAN_UNPOISON_MEMORY_REGION(MEMORY, SRAM_BYTES);
#endif
    get(image, head[4]);
    get(nvm, head[0]);
    get(input, head[2]);
#ifdef WASM2C
    // Its instances come with memory of their own, zero but for static data.
    m_start();
    memset(MEMORY + head[3], 0xa5, SRAM_BYTES - head[3]);
#else
    memset(MEMORY, 0xa5, SRAM_BYTES);
#endif
#ifdef BROWNOUT_WASM_CHECKED
    limit = head[1];
#endif
#ifndef WASM2C
    m_start();
#endif
#ifdef SANITIZED
    ASAN_POISON_MEMORY_REGION(MEMORY + head[1], SRAM_BYTES - head[1]);
#endif
    state = (int32_t)m_boot(0, head[4], 0, head[0], head[1]);
    for (at = 0; at < head[2] && state >= 0; at += head[1] - head[3]) {
      const uint32_t room = head[1] - head[3];
      const uint32_t piece = head[2] - at < room ? head[2] - at : room;
      memcpy(MEMORY + head[3], input + at, piece);
      state = (int32_t)m_feed(head[3], piece);
    }
    if (state >= 0) state = (int32_t)m_submit(1, 0);
    while (state == 1) state = (int32_t)m_run(0);
#ifdef SANITIZED
    ASAN_UNPOISON_MEMORY_REGION(MEMORY, SRAM_BYTES);
#endif
    for (at = head[1]; at < SRAM_BYTES; at++) if (MEMORY[at] != 0xa5) brownout_trap();
    fwrite(&state, 1, 4, stdout);
    fwrite(nvm, 1, head[0], stdout);
#ifdef SANITIZED
    free(nvm);
    free(image);
#endif
  }
  return 0;
}
`;

/**
 * Builds of the module in C: checked with a store hook and copied views, or as it ships with views in place; or by wabt's
 * wasm2c, not by us; or under the sanitizers of addresses and of undefined behaviour.
 */
export type NativeBuild = 'checked' | 'in-place' | 'wasm2c' | 'sanitized';

const FLAGS: Record<NativeBuild, string[]> = {
  checked: ['-O1', '-DBROWNOUT_WASM_CHECKED', '-DBROWNOUT_WASM_STORE_HOOK=on_store'],
  'in-place': ['-O2', '-DIN_PLACE'],
  wasm2c: ['-O1', '-DWASM2C', '-w'],
  sanitized: ['-O1', '-g', '-DSANITIZED', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
};

/** Compiles the device module with all kernels into `folder`; returns the program. */
export async function buildNativeDevice(folder: string, build: NativeBuild): Promise<string> {
  const [source, program] = [join(folder, 'device.c'), join(folder, `device-${build}`)];
  writeFileSync(source, HARNESS);
  const wasm = await buildParts(EVERYTHING);
  if (build === 'wasm2c')
    writeFileSync(join(folder, 'device2c.inc'), wasm2cText(folder, new Map([['m', wasm]])));
  else writeFileSync(join(folder, 'device.inc'), emitFunctions(wasm, { prefix: 'm_' }));
  const warnings = ['-Wno-unused-parameter', '-Wno-unused-function'];
  compileNative(program, [source], ['-I', folder, ...warnings, ...FLAGS[build]]);
  return program;
}

const uint32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** Runs jobs, each on a device of its own. */
export function runNative(program: string, jobs: readonly NativeJob[], arena: number): NativeResult[] {
  const input = Buffer.concat(
    jobs.flatMap(({ image, input: x, sramBytes }) => {
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image);
      const bytes = new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
      const head = uint32s(image.nvmBytes, sramBytes, x.byteLength, arena, image.imageBytes);
      return [head, image.device, nvm.cells, bytes];
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
