/* Weights of any width, and with tables: a row is decoded for four pixels at a time. */
#include "conv.h"

void bw_conv_decoded(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    bw_convolve(layer, in, out, scratch, BW_DECODED);
}
