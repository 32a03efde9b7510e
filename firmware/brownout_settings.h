/*
 * Settings of the board, and nowhere else: whatever builds the folder finds them here. An option -D of the compiler goes first.
 * Where BROWNOUT_FILL_IN stands only you can say what is right: PORTING.md lists it, and `brownout flash` refuses the
 * folder by these names.
 */
#ifndef BROWNOUT_SETTINGS_H
#define BROWNOUT_SETTINGS_H

#define BROWNOUT_FILL_IN 0xffffffffu
/* In place of a function's body. Whatever calls this is not ported yet. */
#define BROWNOUT_FILL_IN_BODY(name) brownout_unported()
#ifndef __ASSEMBLER__
void brownout_unported(void);
#endif

/* settings */
#endif
