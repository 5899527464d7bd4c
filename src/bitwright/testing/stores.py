"""The contract of the study's store as checks to run on any database that Optuna takes.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_database(check, fresh_url):
        check(fresh_url)

Each check is given the address of a database without studies, and raises AssertionError with the
law that was broken.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping

from bitwright.errors import StoreError
from bitwright.quant.spec import Method, Site
from bitwright.records import Genome, Measurement, Outcome, Pick, UnitSpec
from bitwright.study.store import Store

DECLARED: Mapping[str, tuple[Pick, ...]] = {
    "body/1/kind": ("conv", "residual", "depthwise"),
    "body/1/width": (8, 16, 32),
    "body/1/dropout": (0.0, 0.1, 0.5),
    "body/1/conv.weight": ("lsq:2:channel", "lsq:4:channel", "affine:8:tensor"),
}


def complete(number: int) -> Outcome:
    """An outcome with every field in use, and numbers that only exact storage gives back."""
    picks = tuple((path, options[number % 3]) for path, options in DECLARED.items())
    return Outcome(
        number=number,
        iteration=number // 2,
        genome=Genome("toy-1", picks),
        state="complete",
        reward=0.1 + number / 3,
        metrics=(
            ("accuracy", Measurement(1 / (number + 1.1))),
            ("packed_bytes", Measurement(4096)),
            ("latency_ms", Measurement(0.3, 0.01, (("threads", "1"), ("runtime", "test")))),
        ),
        policy=(
            (Site("body/1", "weight"), Method("lsq", 2, True)),
            (Site("head", "weight"), Method("lsq", 8, True)),
            (Site("body/1", "activation"), Method("affine", 4, False)),
        ),
        units=(UnitSpec("body/1", "conv", (("width", 8), ("kernel", 3))),),
        curve=((0.5, 1.25, None), (1.0, 0.75, 0.8)),
        seconds=(("build", 0.25), ("train", 61.5)),
        seed=2**63 + number,
        model=f"models/{number}.onnx",
    )


def infeasible(number: int) -> Outcome:
    """An outcome that broke a hard limit."""
    return dataclasses.replace(
        complete(number), state="infeasible", reward=-0.7, reason="latency_ms 0.3 is over 0.2"
    )


def failed(number: int) -> Outcome:
    """An outcome of a program fault; its traceback holds characters that databases stumble on."""
    return dataclasses.replace(
        complete(number),
        state="failed",
        reward=-1.0,
        metrics=(),
        reason="ValueError",
        traceback="Traceback\n  'ü' \x00 \U0001f600 {braces} %s :name \"quoted\"\n" * 50,
    )


def mixed(number: int) -> Outcome:
    """Complete, infeasible and failed outcomes in turn."""
    return (complete, infeasible, failed)[number % 3](number)


def append_forever(url: str, name: str) -> None:
    """Open the study and append to it until this process is killed."""
    store = Store.open(url, name)
    for number in itertools.count(len(store.outcomes())):
        store.append(mixed(number), DECLARED)
        store.put("state", {"last": number})


def gives_back_what_was_stored(url: str) -> None:
    """Outcomes come back equal and in order, for the writer, a late reader and after reopening."""
    written = tuple(mixed(number) for number in range(7))
    reader: Store | None = None
    store = Store.open(url, "toy")
    for outcome in written:
        store.append(outcome, DECLARED)
        assert store.outcomes() == written[: outcome.number + 1]
        reader = reader or Store.open_existing(url)
        assert reader.outcomes() == written[: outcome.number + 1], "a reader lags behind"
    assert store.outcomes(after=5) == written[5:]
    assert store.outcomes(after=7) == ()
    store.close()
    reopened = Store.open(url, "toy")
    assert reopened.outcomes() == written, "reopening changed an outcome"
    reopened.append(mixed(7), DECLARED)
    reopened.close()
    assert reader is not None and len(reader.outcomes()) == 8
    reader.close()


def keeps_documents(url: str) -> None:
    """A document is replaced whole, survives closing, and is None where there is none."""
    store = Store.open(url, "toy")
    assert store.get("final") is None
    store.put("final", {"accuracy": 0.9, "old": True})
    store.put("final", {"accuracy": 1 / 3, "units": ["body/1"], "text": "ü" * 5000})
    store.close()
    reopened = Store.open_existing(url, "toy")
    assert reopened.get("final") == {
        "accuracy": 1 / 3,
        "units": ["body/1"],
        "text": "ü" * 5000,
    }
    reopened.close()


def keeps_studies_apart(url: str) -> None:
    """Two studies of one database do not see each other."""
    left, right = Store.open(url, "left"), Store.open(url, "right")
    left.append(complete(0), DECLARED)
    right.append(failed(0), {})
    left.append(complete(1), DECLARED)
    left.put("state", "finished")
    assert [outcome.state for outcome in left.outcomes()] == ["complete", "complete"]
    assert [outcome.state for outcome in right.outcomes()] == ["failed"]
    assert right.get("state") is None
    left.close()
    right.close()


def refuses_a_second_writer(url: str) -> None:
    """Two programs cannot both write a number; the late one writes nothing and says why."""
    first, second = Store.open(url, "toy"), Store.open(url, "toy")
    for store in (first, second):
        assert store.outcomes() == ()
    first.append(complete(0), DECLARED)
    message = _refusal(second, complete(0))
    assert "another program writes this study" in message, message
    _refusal(second, complete(2))  # a gap
    assert second.outcomes() == first.outcomes() == (complete(0),), "a refused trial was written"
    second.append(complete(1), DECLARED)
    assert first.outcomes() == (complete(0), complete(1))
    first.close()
    second.close()


def _refusal(store: Store, outcome: Outcome) -> str:
    try:
        store.append(outcome, DECLARED)
    except StoreError as error:
        return str(error)
    raise AssertionError(f"outcome {outcome.number} was taken out of turn")


CHECKS: tuple[Callable[[str], None], ...] = (
    gives_back_what_was_stored,
    keeps_documents,
    keeps_studies_apart,
    refuses_a_second_writer,
)
