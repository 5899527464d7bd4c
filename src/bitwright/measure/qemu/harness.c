/* Runs the network on every image of a file and writes, for each, logits and the timer's ticks; with
 * MODEL_OBSERVED the ticks of every layer, where MODEL_TRACED is 1
 * every layer's output before them. */
#include <stdint.h>

#include "board.h"
#include "model.h"

#define OPEN 0x01U
#define CLOSE 0x02U
#define WRITE 0x05U
#define READ 0x06U
#define MODE_READ 1U
#define MODE_WRITE 5U

static int32_t call(uint32_t operation, const uint32_t *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    uint32_t arguments[3];
    arguments[0] = (uint32_t)name;
    arguments[1] = mode;
    arguments[2] = length;
    return (uint32_t)call(OPEN, arguments);
}

/* The bytes that were not moved. */
static int32_t move(uint32_t operation, uint32_t file, const void *data, uint32_t bytes)
{
    uint32_t arguments[3];
    arguments[0] = file;
    arguments[1] = (uint32_t)data;
    arguments[2] = bytes;
    return call(operation, arguments);
}

static uint32_t ticks(void)
{
    uint32_t count = *(volatile const uint32_t *)TIMER_COUNT;
    return TIMER_STEP > 0 ? count : 0U - count;
}

static uint32_t output; /* a file's number */

#ifdef MODEL_OBSERVED
static const uint32_t sizes[] = LAYER_BYTES; /* of each layer's output, from layer 1 */
static uint32_t began, layer_ticks[MODEL_LAYERS - 1];

static void observe(int layer, const void *values)
{
    layer_ticks[layer - 1] = ticks() - began;
    if (MODEL_TRACED) {
        move(WRITE, output, values, sizes[layer - 1]);
    }
    began = ticks();
}
#endif

int main(void)
{
    const uint32_t input = open_file("images", 6, MODE_READ);
    output = open_file("outputs", 7, MODE_WRITE);
    *(volatile uint32_t *)TIMER_CONTROL = 0;
#if TIMER_STEP < 0
    ((volatile uint32_t *)TIMER_CONTROL)[2] = 0xFFFFFFFFU; /* reload and count */
    ((volatile uint32_t *)TIMER_CONTROL)[1] = 0xFFFFFFFFU;
#endif
    *(volatile uint32_t *)TIMER_CONTROL = 1;
#ifdef MODEL_OBSERVED
    model_observer = observe;
#endif
    while (move(READ, input, model_input(), MODEL_INPUTS) == 0) {
        const int32_t *logits;
        uint32_t taken, start = ticks();
#ifdef MODEL_OBSERVED
        began = start;
#endif
        logits = model_run();
        taken = ticks() - start;
        move(WRITE, output, logits, 4 * MODEL_OUTPUTS);
        move(WRITE, output, &taken, sizeof taken);
#ifdef MODEL_OBSERVED
        move(WRITE, output, layer_ticks, sizeof layer_ticks);
#endif
    }
    {
        uint32_t file = output;
        call(CLOSE, &file);
    }
    return 0;
}
