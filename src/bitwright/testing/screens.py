"""The contract of a screen as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_screen(check, tmp_path):
        check(MyScreen.make, tmp_path)

Each check raises AssertionError with the law that was broken. Candidates are networks of the
template `tiny` for the digits that come with Bitwright, their accuracies made up; `folder` is an
empty one.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from bitwright.config import SpaceConfig
from bitwright.control.operators import sample
from bitwright.control.reward import ACCURACY, FAILED
from bitwright.control.screen import Screen
from bitwright.execute.base import Workbench
from bitwright.quant.spec import Method
from bitwright.records import Genome, Measurement, Outcome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.testing.evaluators import workbench as evaluators_workbench
from bitwright.train.nursery import Nursery

Factory = Callable[[Workbench], Screen]
ITERATIONS, BATCH = 6, 4
CLOSE = 1e-6  # what the order of sums may change


def workbench(folder: Path) -> Workbench:
    """What a screen of candidates for digits works with."""
    bench = evaluators_workbench(folder)
    methods = MethodSpace(
        tuple(Method.parse(f"lsq:{bits}") for bits in (2, 4, 8)),
        tuple(Method.parse(f"lsq:{bits}", "activation") for bits in (4, 8)),
    )
    space = JointSpace(
        stages_of(SpaceConfig(template="tiny")),
        methods,
        input_shape=bench.space.input_shape,
        classes=bench.space.classes,
    )
    found = dataclasses.replace(bench, space=space)
    Nursery.of(found).seed_bed()
    return found


def history(bench: Workbench) -> list[list[Outcome]]:
    """Iterations of outcomes whose accuracy rises with size; some have failed."""
    iterations = []
    for iteration in range(ITERATIONS):
        numbers = range(iteration * BATCH, (iteration + 1) * BATCH)
        iterations.append([_outcome(bench, iteration, number) for number in numbers])
    return iterations


def what_it_says_is_possible(make: Factory, folder: Path) -> None:
    """At any time it says nothing, or something sensible of each genome that it is asked about."""
    bench = workbench(folder)
    asked, screen = _genomes(bench), make(bench)
    for iteration in ([], *history(bench)):
        if iteration:
            screen.learn(iteration)
        found = screen.estimates(asked)
        if found is not None:
            assert len(found) == len(asked), f"{len(found)} estimates of {len(asked)} genomes"
            for estimate in found:
                assert 0 <= estimate.accuracy <= 1, f"it expects accuracy {estimate.accuracy}"
                assert 0 <= estimate.spread < math.inf, f"a spread of {estimate.spread}"
        scores = screen.scores(asked)
        if scores is not None:
            assert len(scores) == len(asked), f"{len(scores)} scores of {len(asked)} genomes"
            assert all(map(math.isfinite, scores)), "a score is no finite number"


def it_says_something_in_the_end(make: Factory, folder: Path) -> None:
    """After two dozen outcomes it gives estimates, and not the same for all."""
    bench = workbench(folder)
    found = _learned(make, bench).estimates(_genomes(bench))
    assert found is not None, f"after {ITERATIONS * BATCH} outcomes it still knows too little"
    assert len({estimate.accuracy for estimate in found}) > 1, "it tells no two genomes apart"


def asking_changes_nothing(make: Factory, folder: Path) -> None:
    """Whatever else it is asked, it says the same of the same genomes."""
    bench = workbench(folder)
    asked, screen = _genomes(bench), _learned(make, bench)
    before = _said(screen, asked)
    screen.estimates(asked[::-1] + asked[:3])
    screen.scores(asked[2:])
    assert _said(screen, asked) == before, "asking it changes what it says"


def company_changes_nothing(make: Factory, folder: Path) -> None:
    """What it says of a genome does not depend on which others it is asked about with it."""
    bench = workbench(folder)
    asked, screen = _genomes(bench), _learned(make, bench)
    for genome, told in zip(asked, _said(screen, asked), strict=True):
        (alone,) = _said(screen, [genome])
        near = zip(alone, told, strict=True)
        assert all(math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE) for a, b in near), (
            f"alone a genome is told {alone}, among others {told}"
        )


def state_is_a_fold(make: Factory, folder: Path) -> None:
    """A fresh one that learns the stored outcomes again says the same, asked before or not."""
    bench = workbench(folder)
    asked, screen = _genomes(bench), make(bench)
    for iteration in history(bench):
        screen.learn(iteration)
        screen.estimates(asked[:2])
    assert _said(screen, asked) == _said(_learned(make, bench), asked), (
        "replaying the outcomes gives other estimates: something besides learn changed it"
    )


CHECKS: Sequence[Callable[[Factory, Path], None]] = (
    what_it_says_is_possible,
    it_says_something_in_the_end,
    asking_changes_nothing,
    company_changes_nothing,
    state_is_a_fold,
)


def _learned(make: Factory, bench: Workbench) -> Screen:
    screen = make(bench)
    for iteration in history(bench):
        screen.learn(iteration)
    return screen


def _said(screen: Screen, genomes: Sequence[Genome]) -> list[tuple[float, ...]]:
    estimates, scores = screen.estimates(genomes), screen.scores(genomes)
    told = [dataclasses.astuple(estimate) for estimate in estimates or ()]
    return [
        (*(told[at] if told else ()), *(scores[at : at + 1] if scores is not None else ()))
        for at in range(len(genomes))
    ]


def _genomes(bench: Workbench) -> list[Genome]:
    return [sample(bench.space, generator(8, number, "asked")) for number in range(8)]


def _outcome(bench: Workbench, iteration: int, number: int) -> Outcome:
    genome = sample(bench.space, generator(7, number, "learned"))
    if number % 7 == 6:
        return Outcome(number, iteration, genome, "failed", FAILED, reason="diverged")
    costs = bench.costs(genome)
    accuracy = 1 - 5 / math.sqrt(costs["packed_bytes"])
    metrics = {ACCURACY: accuracy, **costs}
    measured = tuple((name, Measurement(value)) for name, value in metrics.items())
    return Outcome(number, iteration, genome, "complete", accuracy, measured)
