// C by wabt's wasm2c: a witness of what WASM means that shares no line with ours. Its runtime is here: one fixed memory
// for each module, bounds checked, traps by brownout_trap() of whoever includes it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasPrograms } from './native.js';

/** The version whose C is read here, Debian 12's: later ones name and lay out everything otherwise (`w2c_…`, 1.0.42 say). */
const READ = '1.0.32';

/** Whether wasm2c is there, and writes C as it is read here. If not, says so, as `hasPrograms` does. */
export function hasWasm2c(subject: string): boolean {
  if (!hasPrograms(subject, { gcc: 'gcc', wasm2c: 'wabt' })) return false;
  const version = execFileSync('wasm2c', ['--version'], { encoding: 'utf8' }).trim();
  if (version === READ) return true;
  console.log(
    `skipped: ${subject}: wasm2c ${version}; read is the C of ${READ}. To enable: put that one on the PATH`,
  );
  return false;
}

/** What wasm2c's text stands on, besides `wasm-rt.h` of the package; for a program of one file. */
export const WASM2C_RUNTIME = `
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0
#include <stdlib.h>
#include <string.h>
#include "wasm-rt.h"
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
void brownout_trap(void);
u32 wasm_rt_call_stack_depth;
static u8 *wasm2c_memory;
void wasm_rt_trap(wasm_rt_trap_t code) { (void)code; wasm_rt_call_stack_depth = 0; brownout_trap(); abort(); }
bool wasm_rt_is_initialized(void) { return true; }
u32 wasm_rt_register_func_type(u32 params, u32 results, ...) { return params + results; }
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, u32 initial, u32 maximum) {
  memory->data = wasm2c_memory = calloc(initial, 65536);
  memory->pages = initial;
  memory->max_pages = maximum;
  memory->size = initial * 65536u;
}
void wasm_rt_free_memory(wasm_rt_memory_t *memory) { free(memory->data); }
`;

/** Where a module's own text begins: what stands before is the same for all. */
const OWN = /^static (u32 func_types|bool s_module_initialized)/m;
/** Names that every module has. */
const SHARED = /\b(w2c_[fd]\d+|func_types|s_module_initialized|init_\w+|data_segment_data_\w+)\b/g;

/** C of modules by name, one file for all; `folder`: for what wasm2c writes. */
export function wasm2cText(folder: string, modules: ReadonlyMap<string, Uint8Array>): string {
  return [...modules]
    .map(([name, wasm], i) => {
      const path = (ending: string): string => join(folder, `${name}.${ending}`);
      writeFileSync(path('wasm'), wasm);
      execFileSync('wasm2c', [path('wasm'), '-n', name, '-o', path('c')]);
      const text = readFileSync(path('c'), 'utf8');
      const at = text.search(OWN);
      if (at < 0)
        throw new Error(`wasm2c wrote a module whose own text was not found:\n${text.slice(0, 400)}`);
      const own = text.slice(at).replace(SHARED, (word) => `${name}_${word}`);
      return i === 0 ? text.slice(0, at) + own : `#include "${name}.h"\n${own}`;
    })
    .join('\n');
}
