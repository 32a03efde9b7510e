/* What brownout_host_wasm3.c asks of wasm3 (0.5), for a test that calls its functions as a module would. */
#include <stdint.h>

typedef const char *M3Result;
typedef struct model *IM3Runtime;
typedef struct model *IM3Module;
typedef const void *(*M3RawCall)(IM3Runtime runtime, void *context, uint64_t *stack, void *memory);

#define m3Err_none ((M3Result)0)
#define m3Err_trapOutOfBoundsMemoryAccess ((M3Result) "out of bounds")
#define m3ApiRawFunction(NAME) const void *NAME(IM3Runtime runtime, void *context, uint64_t *stack, void *_mem)
#define m3ApiReturnType(TYPE) TYPE *const returned = (TYPE *)stack++;
#define m3ApiGetArg(TYPE, NAME) const TYPE NAME = *(const TYPE *)stack++;
#define m3ApiReturn(VALUE) \
  { \
    *returned = (VALUE); \
    return m3Err_none; \
  }
#define m3ApiSuccess() \
  { return m3Err_none; }
#define m3ApiTrap(WHY) \
  { return WHY; }

uint32_t m3_GetMemorySize(IM3Runtime runtime);
M3Result m3_LinkRawFunction(IM3Module module, const char *from, const char *name, const char *signature, M3RawCall call);
