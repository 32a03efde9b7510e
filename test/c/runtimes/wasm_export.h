/* What brownout_host_wamr.c asks of WAMR, for a test that calls its functions as a module would. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct model *wasm_exec_env_t;
typedef struct model *wasm_module_inst_t;
typedef struct {
  const char *symbol;
  void *func_ptr;
  const char *signature;
  void *attachment;
} NativeSymbol;

wasm_module_inst_t wasm_runtime_get_module_inst(wasm_exec_env_t env);
void wasm_runtime_set_exception(wasm_module_inst_t module, const char *exception);
bool wasm_runtime_validate_app_addr(wasm_module_inst_t module, uint64_t address, uint64_t length);
void *wasm_runtime_addr_app_to_native(wasm_module_inst_t module, uint64_t address);
bool wasm_runtime_register_natives(const char *from, NativeSymbol *symbols, uint32_t count);
