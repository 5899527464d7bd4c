# make cortex: builds the same test for the processor, to run under an emulator or a debugger.
CROSS ?= arm-none-eabi-
OPTIONS := @OPTIONS@ -ffunction-sections -fdata-sections

.PHONY: cortex
cortex: model_test.elf
model_test.elf: $(MODEL) main.c board_cortex_m.c cortex_m.ld $(HEADERS)
	$(CROSS)gcc $(STRICT) $(OPTIONS) $(CFLAGS) -nostartfiles -T cortex_m.ld \
	    -Wl,--gc-sections \
	    $(MODEL) main.c board_cortex_m.c -o $@
	$(CROSS)size -A $@
