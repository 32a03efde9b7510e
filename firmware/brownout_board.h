/* What the example needs of a board besides NVM. */
#ifndef BROWNOUT_BOARD_H
#define BROWNOUT_BOARD_H

/* Text for people; may do nothing. */
void brownout_board_print(const char *text);

/* Waits for better power. */
void brownout_board_sleep(void);

#endif
