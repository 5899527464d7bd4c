"""Exported C under QEMU: what it computes, its instructions, and its size once linked."""
