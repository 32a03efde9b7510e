/* What the example needs of Zephyr. */
#include "brownout_board.h"

#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

void brownout_board_print(const char *text) {
  printk("%s", text);
}

void brownout_board_sleep(void) {
  k_sleep(K_MSEC(100));
}
