/* Weights of 4 bits. */
#include "conv.h"

void bw_conv_w4(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    bw_convolve(layer, in, out, scratch, 4);
}
