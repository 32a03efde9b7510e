/* A POSIX system as the board. */
#include "board.h"

#include <stdio.h>

void board_print(const char *text) {
  fputs(text, stdout);
}

void board_sleep(void) {
}
