/* A map scaled channel by channel (squeeze-excite, arXiv 1709.01507). */
#include "arithmetic.h"

void bw_product(const bw_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out)
{
    const bw_ends ends = bw_ends_of(&layer->rescale);
    const int32_t multiplier = layer->rescale.multiplier[0];
    const int shift = layer->rescale.shift[0];
    uint32_t pixel, channel;
    for (pixel = 0; pixel < layer->pixels; pixel++) {
        for (channel = 0; channel < layer->channels; channel++) {
            int32_t by = gate[channel] - layer->gate_zero_point;
            *out++ = bw_code((*in++ - layer->zero_point) * by, multiplier, shift, ends);
        }
    }
}
