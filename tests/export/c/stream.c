/* Images on standard input, the logits of each on standard output. */
#include <stdio.h>

#include "model.h"

int main(void)
{
    while (fread(model_input(), 1, MODEL_INPUTS, stdin) == MODEL_INPUTS) {
        fwrite(model_run(), sizeof(int32_t), MODEL_OUTPUTS, stdout);
    }
    return 0;
}
