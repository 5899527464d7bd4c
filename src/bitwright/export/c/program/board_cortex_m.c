/* A bare Cortex-M under a debugger or an emulator: start-up, and semihosting to say things. */
#include "board.h"

#include <stdint.h>

#define SEMIHOSTING_WRITE0 0x04
#define SEMIHOSTING_EXIT 0x20
#define EXIT_APPLICATION 0x20026U

extern uint32_t board_data_from[], board_data_begin[], board_data_end[];
extern uint32_t board_bss_begin[], board_bss_end[], board_stack_top[];

int main(void);
void board_reset(void);

static uint32_t semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_say(const char *text)
{
    semihosting(SEMIHOSTING_WRITE0, text);
}

static void board_exit(int code)
{
    uint32_t why[2];
    why[0] = EXIT_APPLICATION;
    why[1] = (uint32_t)code;
    semihosting(SEMIHOSTING_EXIT, why);
    for (;;) {
    }
}

static void board_fault(void)
{
    board_say("FAILED: the processor met a fault\n");
    board_exit(2);
}

void board_reset(void)
{
    const uint32_t *from = board_data_from;
    volatile uint32_t *to; /* volatile: no library does it, there is none yet */
    for (to = board_data_begin; to < board_data_end; to++) {
        *to = *from++;
    }
    for (to = board_bss_begin; to < board_bss_end; to++) {
        *to = 0;
    }
    board_exit(main());
}

typedef union {
    uint32_t *stack_top;
    void (*handler)(void);
} board_vector;

__attribute__((section(".vectors"), used)) static const board_vector vectors[] = {
    {.stack_top = board_stack_top},
    {.handler = board_reset},
    {.handler = board_fault}, /* NMI */
    {.handler = board_fault}, /* hard fault */
    {.handler = board_fault}, /* memory management */
    {.handler = board_fault}, /* bus fault */
    {.handler = board_fault}, /* usage fault */
    {.handler = board_fault}, /* secure fault */
};
