# make cortex: builds the same test for the processor, to run under an emulator or a debugger.
# make qemu: runs it under QEMU, on a board with such a processor.
CROSS ?= arm-none-eabi-
QEMU ?= qemu-system-arm
OPTIONS := @OPTIONS@ -ffunction-sections -fdata-sections

.PHONY: cortex qemu
cortex: model_test.elf
model_test.elf: $(MODEL) main.c board_cortex_m.c cortex_m.ld $(HEADERS)
	$(CROSS)gcc $(STRICT) $(OPTIONS) $(CFLAGS) -nostartfiles -T cortex_m.ld \
	    -Wl,--gc-sections \
	    $(MODEL) main.c board_cortex_m.c -o $@
	$(CROSS)size -A $@

qemu: model_test.elf
	$(QEMU) -M @MACHINE@ -nographic -monitor none -serial none \
	    -semihosting-config enable=on,target=native -kernel model_test.elf
