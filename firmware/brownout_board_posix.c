/* A POSIX system as the board. */
#include "brownout_board.h"

#include <stdio.h>

void brownout_board_print(const char *text) {
  fputs(text, stdout);
}

void brownout_board_sleep(void) {
}
