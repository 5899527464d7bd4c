/* Runs the network on the test vector; succeeds if every logit is what it should be. */
#include "board.h"
#include "model.h"
#include "test_vector.h"

int main(void)
{
    int image, at, output, wrong = 0;
    for (image = 0; image < TEST_IMAGES; image++) {
        volatile uint8_t *const input = model_input(); /* volatile: no library copies it */
        const int32_t *logits;
        for (at = 0; at < MODEL_INPUTS; at++) {
            input[at] = test_images[image][at];
        }
        logits = model_run();
        for (output = 0; output < MODEL_OUTPUTS; output++) {
            wrong += logits[output] != test_logits[image][output];
        }
    }
    board_say(wrong ? "FAILED: logits differ from the test vector\n" : "OK: all logits agree\n");
    return wrong != 0;
}
