/* What the test program needs of where it runs. */
#ifndef BOARD_H
#define BOARD_H

void board_say(const char *text);

#endif
