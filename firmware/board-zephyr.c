/* What the example needs of Zephyr. */
#include "board.h"

#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

void board_print(const char *text) {
  printk("%s", text);
}

void board_sleep(void) {
  k_sleep(K_MSEC(100));
}
