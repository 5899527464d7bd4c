/* Runs the network on the test vector; succeeds if every logit is what it should be. */
#include <string.h>

#include "board.h"
#include "model.h"
#include "test_vector.h"

int main(void)
{
    int image, output, wrong = 0;
    for (image = 0; image < TEST_IMAGES; image++) {
        const int32_t *logits;
        memcpy(model_input(), test_images[image], MODEL_INPUTS);
        logits = model_run();
        for (output = 0; output < MODEL_OUTPUTS; output++) {
            wrong += logits[output] != test_logits[image][output];
        }
    }
    board_say(wrong ? "FAILED: logits differ from the test vector\n" : "OK: all logits agree\n");
    return wrong != 0;
}
