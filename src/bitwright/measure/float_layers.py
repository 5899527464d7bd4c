"""Which layers run faster in float32 on this processor: told by timing the whole network."""

from bitwright.export.float_layers import FLOAT_LAYERS, candidates, told
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_file import build
from bitwright.measure.latency_table import call_of, in_turns

WORTH = 0.99  # of the time in integers: what saves less than a hundredth may be chance
ROUNDS = 40


def faster_in_float(model: IntegerModel, *, rounds: int = ROUNDS) -> frozenset[str]:
    """The layers whose float32 form makes the network faster; none where it does not.

    Both forms take turns, batch 1, one thread, for some tenth of a second.
    """
    found = candidates(model)
    if not found:
        return found
    integers = call_of(build(model, {}))
    floats = call_of(build(model, {FLOAT_LAYERS: told(found)}))
    (ratio,) = in_turns([floats], integers, rounds=rounds)
    return found if ratio < WORTH else frozenset()
