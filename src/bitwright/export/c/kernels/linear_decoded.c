/* Weights of any width, and with tables: a row is decoded at a time. */
#include "linear.h"

void bw_linear_decoded(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)
{
    bw_connect(layer, in, out, scratch, BW_DECODED);
}
