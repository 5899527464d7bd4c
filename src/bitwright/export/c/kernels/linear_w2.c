/* Weights of 2 bits. */
#include "linear.h"

void bw_linear_w2(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)
{
    bw_connect(layer, in, out, scratch, 2);
}
