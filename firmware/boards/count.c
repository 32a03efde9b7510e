/*
 * Counts instructions: under `-icount shift=0` every instruction takes a nanosecond of the emulated clock, so that SysTick
 * counts them; a RISC-V core has a counter of its own. With BROWNOUT_BARE: every op of the plan, a line each: entering, all
 * tiles, the dearest tile. Without: a whole inference, a line: begin, input and submit, run, acknowledge; and the stack it
 * took.
 */
#include "brownout_boards.h"
#include "brownout.h"

#ifdef __riscv
static uint64_t ticks(void) {
  uint32_t high;
  uint32_t low;
  uint32_t again;
  do {
    __asm__ volatile(".option push\n .option arch, +zicsr\n"
                     "csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth\n.option pop"
                     : "=&r"(high), "=&r"(low), "=&r"(again));
  } while (high != again);
  return (uint64_t)high << 32 | low;
}

static void start_clock(void) {
}
#else
#define SYSTICK ((volatile uint32_t *)0xe000e010u)
#define RELOAD 0xffffffu

static volatile uint32_t wraps;

void brownout_board_tick(void) {
  wraps++;
}

static uint64_t ticks(void) {
  uint32_t before;
  uint32_t now;
  do {
    before = wraps;
    now = RELOAD - SYSTICK[2];
  } while (before != wraps);
  return (uint64_t)before * (RELOAD + 1u) + now;
}

static void start_clock(void) {
  SYSTICK[1] = RELOAD;
  SYSTICK[2] = 0;
  SYSTICK[0] = 7; /* processor clock, interrupt, on */
  while (SYSTICK[2] == 0) {
  }
}
#endif

static void print_ticks(uint64_t value) {
  brownout_board_print(" ");
  print_hex((uint32_t)(value >> 32), 8);
  print_hex((uint32_t)value, 8);
}

#ifdef BROWNOUT_BARE
void brownout_module_start(void);
void brownout_enter(uint32_t record);
void brownout_tile(uint32_t index);

int main(void) {
  uint32_t record;
  brownout_module_start();
  start_clock();
  for (record = BROWNOUT_PLAN; record < BROWNOUT_PLAN + BROWNOUT_PLAN_BYTES; record += BROWNOUT_OP_BYTES) {
    const uint32_t tiles = *(const uint32_t *)(const void *)(brownout_image + record + BROWNOUT_OP_TILES);
    uint64_t most = 0;
    uint64_t all = 0;
    uint32_t tile;
    uint64_t enter;
    uint64_t start = ticks();
    brownout_enter(record);
    enter = ticks() - start;
    for (tile = 0; tile < tiles; tile++) {
      uint64_t took;
      start = ticks();
      brownout_tile(tile);
      took = ticks() - start;
      all += took;
      if (took > most) most = took;
    }
    brownout_board_print("O");
    print_ticks(enter);
    print_ticks(all);
    print_ticks(most);
    brownout_board_print("\n");
  }
  return 0;
}
#else
extern uint32_t brownout_link_stack_bottom;
enum { PAINT = 0x5a5a5a5a };

/* Everything below this frame. */
static void paint_stack(void) {
  volatile uint32_t here;
  volatile uint32_t *at = &brownout_link_stack_bottom;
  while ((uintptr_t)at < (uintptr_t)&here - 32u) *at++ = PAINT;
}

static uint32_t untouched_bytes(void) {
  const volatile uint32_t *at = &brownout_link_stack_bottom;
  while (*at == PAINT) at++;
  return (uint32_t)((uintptr_t)at - (uintptr_t)&brownout_link_stack_bottom);
}

int main(void) {
  uint64_t at[5];
  int32_t state;
  int i;
  paint_stack();
  start_clock();
  at[0] = ticks();
  state = brownout_begin();
  at[1] = ticks();
  if (state == BROWNOUT_IDLE) state = brownout_input(BROWNOUT_CONTROL_INPUTS);
  if (state >= 0) state = brownout_submit(1);
  at[2] = ticks();
  while (state == BROWNOUT_RUN) state = brownout_run(0);
  at[3] = ticks();
  if (state == BROWNOUT_DONE) state = brownout_ack(1);
  at[4] = ticks();
  brownout_board_print(state == BROWNOUT_IDLE ? "J" : "E");
  for (i = 0; i < 4; i++) print_ticks(at[i + 1] - at[i]);
  print_ticks(untouched_bytes());
  brownout_board_print("\n");
  return state != BROWNOUT_IDLE;
}
#endif
