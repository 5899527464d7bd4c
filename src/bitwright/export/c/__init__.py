"""The integer model as C99 for microcontrollers: no floating point, no heap, no dependency."""
