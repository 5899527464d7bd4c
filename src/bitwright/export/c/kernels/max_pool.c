/* The largest code of each window. */
#include "bitwright.h"

void bw_max_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out)
{
    const uint32_t channels = layer->channels, row = layer->width * channels;
    uint32_t y, x, channel, i, j;
    for (y = 0; y < layer->out_height; y++) {
        for (x = 0; x < layer->out_width; x++) {
            const uint8_t *corner =
                in + y * layer->window_height * row + x * layer->window_width * channels;
            for (channel = 0; channel < channels; channel++) {
                uint8_t most = 0;
                for (i = 0; i < layer->window_height; i++) {
                    const uint8_t *at = corner + i * row + channel;
                    for (j = 0; j < layer->window_width; j++, at += channels) {
                        most = *at > most ? *at : most;
                    }
                }
                *out++ = most;
            }
        }
    }
}
