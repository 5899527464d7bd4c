/* The mean of each window, or of a whole map: summed, then rescaled once. */
#include "codes.h"

void bw_average_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out)
{
    const uint32_t channels = layer->channels, row = layer->width * channels;
    const int32_t zeros = layer->window_height * layer->window_width * layer->zero_point;
    const bw_rescale *to = &layer->rescale;
    const int32_t multiplier = to->multiplier[0], shift = to->shift[0];
    uint32_t y, x, channel, i, j;
    for (y = 0; y < layer->out_height; y++) {
        for (x = 0; x < layer->out_width; x++) {
            const uint8_t *corner =
                in + y * layer->window_height * row + x * layer->window_width * channels;
            for (channel = 0; channel < channels; channel++) {
                int32_t sum = -zeros;
                for (i = 0; i < layer->window_height; i++) {
                    const uint8_t *at = corner + i * row + channel;
                    for (j = 0; j < layer->window_width; j++, at += channels) {
                        sum += *at;
                    }
                }
                *out++ = (uint8_t)bw_careful_code(sum, multiplier, shift, to->zero_point);
            }
        }
    }
    channel = layer->out_height * layer->out_width * channels;
    bw_finish(to, out - channel, channel);
}
