/* A map scaled channel by channel (squeeze-excite, arXiv 1709.01507). */
#include "codes.h"

void bw_product(const bw_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out)
{
    const bw_rescale *to = &layer->rescale;
    const int32_t multiplier = to->multiplier[0], shift = to->shift[0];
    uint32_t pixel, channel;
    for (pixel = 0; pixel < layer->pixels; pixel++) {
        for (channel = 0; channel < layer->channels; channel++, in++, out++) {
            int32_t by = gate[channel] - layer->gate_zero_point;
            int32_t product = (*in - layer->zero_point) * by;
            *out = (uint8_t)bw_careful_code(product, multiplier, shift, to->zero_point);
        }
    }
    channel = layer->pixels * layer->channels;
    bw_finish(to, out - channel, channel);
}
