"""A study as a reader may meet it: forty trials, plausible numbers, a seeded generator."""

import dataclasses
import random

import pytest

from bitwright.quant.spec import ROLES, Method, Role, Site
from bitwright.records import Genome, Measurement, Outcome, Policy, UnitSpec
from bitwright.report.pareto import front
from bitwright.study.view import Entry, SensitivityRow, StudyView

WEIGHTS = (
    "lsq:2:channel",
    "lsq:3:channel",
    "lsq:4:channel",
    "affine:8:tensor",
    "power_of_two:3:channel",
    "power_of_two:4:channel",
)
ACTIVATIONS = ("lsq:3:tensor", "lsq:4:tensor", "affine:8:tensor", "power_of_two:4:tensor")
BODY = ("conv", "depthwise_separable", "inverted_bottleneck", "residual", "identity")
PIXELS = 28 * 28


def _unit(path: str, kind: str, rng: random.Random, stride: int) -> UnitSpec:
    params: dict[str, int | float | str] = {"stride": stride}
    if kind != "identity" and not kind.endswith("_pool"):
        params = {"width": rng.choice((16, 24, 32, 48)), "kernel": rng.choice((3, 5)), **params}
    if kind == "inverted_bottleneck":
        params |= {"expansion": rng.choice((2, 3, 4)), "squeeze_excite": rng.choice((0, 1))}
    if kind == "residual":
        params["convs"] = rng.choice((2, 3))
    return UnitSpec(path, kind, tuple(params.items()))


def _network(rng: random.Random) -> tuple[UnitSpec, ...]:
    stem = UnitSpec("stem", "conv", (("width", 16), ("kernel", 3), ("stride", 1)))
    units = [stem]
    for stage in range(3):
        kind = rng.choice(BODY)
        units.append(_unit(f"body/{stage}/0", kind, rng, 2 if kind != "identity" else 1))
        if rng.random() < 0.5:
            units.append(_unit(f"body/{stage}/1", rng.choice(BODY), rng, 1))
    if rng.random() < 0.3:
        units.append(UnitSpec("body/pool", "max_pool", (("stride", 2),)))
    return (*units, UnitSpec("head", "classifier", (("width", 10),)))


def _policy(units: tuple[UnitSpec, ...], rng: random.Random) -> Policy:
    pairs = []
    for unit in units:
        if unit.kind in ("identity", "max_pool"):
            continue
        for role, names in zip(ROLES, (WEIGHTS, ACTIVATIONS), strict=True):
            pairs.append((Site(unit.path, role), Method.parse(rng.choice(names), role)))
    return tuple(pairs)


def _metrics(units: tuple[UnitSpec, ...], policy: Policy, rng: random.Random) -> dict[str, float]:
    parameters = macs = bitops = packed = 0.0
    width, side = 1.0, 28.0
    methods = dict(policy)
    for unit in units:
        site: Role = "weight"
        if Site(unit.path, site) not in methods:
            continue
        side /= unit.integer("stride", 1)
        out = unit.integer("width", 16)
        taps = unit.integer("kernel", 1) ** 2
        dense = 0.3 if unit.kind in ("depthwise_separable", "inverted_bottleneck") else 1.0
        weights = width * out * taps * dense
        cost = weights * (side * side if unit.kind != "classifier" else 1)
        weight_bits = methods[Site(unit.path, "weight")].bits
        activation_bits = methods[Site(unit.path, "activation")].bits
        parameters, macs = parameters + weights, macs + cost
        packed += weights * weight_bits / 8 + out * 8
        bitops += cost * weight_bits * activation_bits
        width = out
    accuracy = 0.93 - 0.25 * (1300 / (1300 + packed)) + rng.gauss(0, 0.006)
    return {
        "accuracy": round(min(0.925, accuracy), 4),
        "packed_bytes": round(packed),
        "file_bytes": round(packed * 1.06 + 4200),
        "latency_ms": round(0.05 + macs / 9e6 * rng.uniform(0.9, 1.1), 4),
        "macs": round(macs),
        "bitops": round(bitops),
        "peak_activation_bytes": 16 * PIXELS + rng.randrange(4000),
    }


def _curve(
    rng: random.Random, epochs: int, last: float
) -> tuple[tuple[float, float, float | None], ...]:
    points: list[tuple[float, float, float | None]] = []
    for epoch in range(1, epochs + 1):
        done = epoch / epochs
        held_out = last - 0.2 * (1 - done) ** 2 + rng.gauss(0, 0.003) if epoch % 2 == 0 else None
        points.append((float(epoch), 0.25 + 0.9 * (1 - done) ** 2 + rng.gauss(0, 0.01), held_out))
    return tuple(points)


def _reward(metrics: dict[str, float]) -> float:
    return metrics["accuracy"] * (metrics["packed_bytes"] / 16_000) ** -0.03


def _outcome(number: int, rng: random.Random) -> Outcome:
    units = _network(rng)
    policy = _policy(units, rng)
    genome = Genome("space-1", tuple((f"{unit.path}/kind", unit.kind) for unit in units))
    base = Outcome(
        number, number // 4 + 1, genome, "complete", 0.0, policy=policy, units=units, seed=number
    )
    if number in (7, 22):
        return dataclasses.replace(
            base,
            state="failed",
            reward=-2.0,
            reason="RuntimeError: shape '[128, 48]' is invalid for input of size 3072",
            traceback='Traceback (most recent call last):\n  File "<nets>", line 12\nRuntimeError',
        )
    metrics = _metrics(units, policy, rng)
    measured = tuple((name, Measurement(float(value))) for name, value in metrics.items())
    seconds = (("build", 0.1), ("train", rng.uniform(8, 14)), ("export", 0.4), ("measure", 1.5))
    if number in (3, 11, 19):
        return dataclasses.replace(
            base,
            state="infeasible",
            reward=-0.4,
            metrics=measured,
            seconds=seconds,
            reason="packed size 61.2 kB is over the limit of 48.0 kB",
        )
    return dataclasses.replace(
        base,
        reward=_reward(metrics) + 0.03 * (number / 40),
        metrics=measured,
        seconds=seconds,
        curve=_curve(rng, 4, metrics["accuracy"]),
        model=f"trials/{number:04d}.onnx",
    )


def _entry(label: str, outcome: Outcome, **more: object) -> Entry:
    values = {name: measurement.value for name, measurement in outcome.metrics}
    values |= {"reward": outcome.reward, "trial": outcome.number, "model": outcome.model}
    return Entry(label, outcome.genome, outcome.policy, outcome.units, **(values | more))


def _baseline(rng: random.Random) -> Entry:
    units = (
        UnitSpec("stem", "conv", (("width", 16), ("kernel", 3), ("stride", 1))),
        UnitSpec("body/0", "residual", (("width", 32), ("kernel", 3), ("stride", 2), ("convs", 2))),
        UnitSpec("body/1", "residual", (("width", 64), ("kernel", 3), ("stride", 2), ("convs", 2))),
        UnitSpec("head", "classifier", (("width", 10),)),
    )
    methods = (Method.parse("affine:8:channel"), Method.parse("affine:8:tensor"))
    policy = tuple(
        (Site(unit.path, role), method)
        for unit in units
        for role, method in zip(ROLES, methods, strict=True)
    )
    return Entry(
        "8-bit baseline",
        Genome("baseline", ()),
        policy,
        units,
        accuracy=0.9155,
        test_accuracy=0.9093,
        latency_ms=0.402,
        packed_bytes=78_420,
        file_bytes=83_900,
        macs=12_540_000,
        bitops=802_600_000,
        peak_activation_bytes=25_088,
        model="baseline/model.onnx",
        curve=_curve(rng, 20, 0.9155),
        proof=(("images", "10000"), ("differ_from_trained", "0.03 %")),
    )


def _sensitivity(rng: random.Random) -> tuple[SensitivityRow, ...]:
    rows = []
    kinds = ("conv", "depthwise_separable", "inverted_bottleneck", "residual", "classifier")
    for role, names in zip(ROLES, (WEIGHTS, ACTIVATIONS), strict=True):
        for unit in (*kinds, "average_pool") if role == "activation" else kinds:
            for name in names:
                method = Method.parse(name, role)
                drop = 0.30 / 2**method.bits - 0.025 + rng.gauss(0, 0.004)
                latency = rng.gauss(0, 0.01)
                memory = (method.bits - 4) * 0.02
                loss = drop + 0.1 * latency + 0.1 * memory
                kept = loss <= 0.03
                reason = f"loss {loss:+.3f} {'within' if kept else 'over'} the threshold 0.03"
                rows.append(
                    SensitivityRow(unit, role, name, drop, latency, memory, loss, kept, reason)
                )
    return tuple(rows)


ENVIRONMENT = (
    ("processor", "Intel Xeon Platinum 8488C, 2 cores"),
    ("python", "3.11.9"),
    ("torch", "2.13.0"),
    ("onnxruntime", "1.32.0"),
    ("data", "fashion-mnist, sha256 3aede38d61863908"),
)
SETTINGS = """\
task: {dataset: fashion-mnist}
search: {mode: joint, iterations: 10, population: 4}
controller: {name: evolution}
reward: {transform: exponential, target_bytes: 16000}  # <16 kB & more
"""


def make_view(seed: int = 7, trials: int = 40) -> StudyView:
    """A finished joint study of that many trials."""
    rng = random.Random(seed)
    outcomes = tuple(_outcome(number, rng) for number in range(trials))
    complete = [outcome for outcome in outcomes if outcome.state == "complete"]
    best = max(complete, key=lambda outcome: outcome.reward)
    accuracy = best.metric("accuracy") or 0.0
    final = _entry(
        "winner",
        best,
        accuracy=accuracy + 0.011,
        test_accuracy=accuracy + 0.008,
        curve=_curve(rng, 20, accuracy + 0.011),
        model="model.onnx",
        proof=(
            ("images", "10000"),
            ("differ_from_trained", "0.02 %"),
            ("differ_from_integer_reference", "0.00 %"),
        ),
    )
    points = [
        (outcome.metric("accuracy") or 0.0, outcome.metric("packed_bytes") or 0.0)
        for outcome in complete
    ]
    pareto = tuple(
        _entry(f"trial {complete[index].number}", complete[index])
        for index in front(points, ("max", "min"))
    )
    rows = _sensitivity(rng)
    removed = tuple(
        f"{row.unit}.{row.role}: {row.method} removed, {row.reason}" for row in rows if not row.kept
    )
    return StudyView(
        study="fashion-mnist",
        state="finished",
        stopped_by="converged",
        outcomes=outcomes,
        best=_entry("best trial", best),
        final=final,
        baseline=_baseline(rng),
        pareto=pareto,
        sensitivity=rows,
        removed=removed,
        environment=ENVIRONMENT,
        settings=SETTINGS,
    )


@pytest.fixture(scope="session")
def view() -> StudyView:
    return make_view()


@pytest.fixture(scope="session")
def several(view: StudyView) -> StudyView:
    """The same study with three networks that were trained to the end."""
    others = (
        dataclasses.replace(
            view.final,
            label=f"trial {trial}",
            trial=trial,
            reward=(view.final.reward or 1.0) - less,
            accuracy=(view.final.accuracy or 1.0) - less,
            model=f"finalists/{trial:05d}.onnx",
        )
        for trial, less in ((21, 0.011), (22, 0.022))
    )
    first = dataclasses.replace(view.final, label=f"trial {view.final.trial}")
    return dataclasses.replace(view, finalists=(first, *others))


@pytest.fixture(scope="session")
def empty(view: StudyView) -> StudyView:
    """The same study before anything happened."""
    return dataclasses.replace(
        view,
        state="running",
        stopped_by=None,
        outcomes=(),
        best=None,
        final=None,
        baseline=None,
        pareto=(),
        sensitivity=(),
        removed=(),
        environment=(),
        settings="",
    )


@pytest.fixture(scope="session")
def broken(view: StudyView, empty: StudyView) -> StudyView:
    """A study whose trials all failed."""
    failed = tuple(outcome for outcome in view.outcomes if outcome.state == "failed")
    return dataclasses.replace(empty, state="interrupted", stopped_by="user", outcomes=failed)
