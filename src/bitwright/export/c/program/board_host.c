/* A machine with an operating system. */
#include "board.h"

#include <stdio.h>

void board_say(const char *text)
{
    fputs(text, stdout);
}
