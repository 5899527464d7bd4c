"""The README of an exported folder: what is in it, what it costs, how it is called."""

from collections.abc import Mapping

from bitwright.export.c.cores import Core
from bitwright.export.c.model_source import Source, logit_steps
from bitwright.export.integer import IntegerModel

USE = """    #include "model.h"

    memcpy(model_input(), image, MODEL_INPUTS);  /* raw pixels, (height, width, channels) */
    int class_number = model_class(model_run());"""


def readme(
    model: IntegerModel,
    source: Source,
    metadata: Mapping[str, str],
    core: Core | None,
    costs: Mapping[str, float] | None,
) -> str:
    """The text; `costs` are those that were measured on the core, by metric."""
    height, width = model.graph.input.shape[1:]
    channels, classes = model.graph.input.shape[0], model.graph.output.shape[0]
    arena = source.arena.size_bytes
    target = f" for {core.name}" if core else ""
    about = [f"- {key}: `{value}`" for key, value in sorted(metadata.items())]
    cortex = (
        f"- `make cortex` builds it for {core.name} (`arm-none-eabi-gcc`), with start-up code and "
        f"memory map of QEMU's `{core.machine}`; put your own in their place. `make qemu` runs it "
        "there.\n"
        if core
        else ""
    )
    return f"""# A quantized network in C{target}

C99, integers only: no floating point, no heap, no dependency. Takes {height} x {width} x {channels}
images of raw pixels, gives {classes} logits.

{USE}

## Costs

{_costs(costs, core)}- `model.c` works in one block of {arena} bytes, the image included.
- Weights are packed at their bits; layers are listed in `model.c`, each with its shape.

## Build

- `make test` builds it for this machine and runs the test vector, as CMake with `ctest` does.
{cortex}- In your own program: add every `.c` file here but `main.c` and `board_*.c`. Compiled with
  `-ffunction-sections` and linked with `-Wl,--gc-sections`, it holds only the kernels in use.

{_logit_step(model)}

{chr(10).join(about)}
"""


def _costs(costs: Mapping[str, float] | None, core: Core | None) -> str:
    if not costs or core is None:
        return ""
    return (
        f"- Instructions: {costs['instructions']:,.0f} for an image, counted under QEMU on its "
        f"`{core.machine}`. A real processor takes more cycles than that: it waits for memory.\n"
        f"- Flash: {costs['flash_bytes']:,.0f} bytes, start-up code included.\n"
        f"- RAM: {costs['ram_bytes']:,.0f} bytes, and the stack.\n"
    )


def _logit_step(model: IntegerModel) -> str:
    """What a logit of 1 is worth in real numbers."""
    steps = logit_steps(model)
    if steps.ndim == 0:
        return f"`model_run` returns logits in steps of {float(steps):.8g}."
    listed = ", ".join(f"{step:.8g}" for step in steps.tolist())
    return f"`model_run` returns logits, each in steps of its own: {listed}."
