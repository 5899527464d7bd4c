"""A reward: the weighted harmonic mean, which no metric alone can make up for."""

from collections.abc import Mapping

from bitwright.control.reward import ACCURACY, Term


def harmonic(values: Mapping[str, float], terms: Mapping[str, Term]) -> float:
    """The harmonic mean of accuracy / reference and, for each cost, reference / cost.

    A network that is twice too large cannot buy that off with accuracy, as it can where metrics
    are summed.
    """
    if values[ACCURACY] == 0:
        return 0.0
    slowness = 0.0
    for name, term in terms.items():
        ratio = values[name] / term.reference
        slowness += term.weight * (1 / ratio if name == ACCURACY else ratio)
    return sum(term.weight for term in terms.values()) / slowness
