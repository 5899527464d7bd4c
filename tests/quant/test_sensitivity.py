"""The loss rate of M4.1 and the filters of M4.3, on probes made by hand."""

import pytest

from bitwright.config import SensitivityConfig
from bitwright.errors import MeasurementError
from bitwright.quant.sensitivity import Loss, Performance, Probe, judge, judge_again, losses
from bitwright.quant.spec import Method, Role

W2, W4, W8 = (Method.parse(f"lsq:{bits}") for bits in (2, 4, 8))
A8 = Method.parse("lsq:8", "activation")


def probe(
    method: Method,
    accuracy: float,
    *,
    latency: float | None = 1.0,
    memory: float = 100.0,
    path: str = "body/0",
    kind: str = "conv",
    role: Role = "weight",
) -> Probe:
    return Probe(path, kind, role, method, Performance(accuracy, latency, memory))


CONV = (
    probe(W2, 0.4, latency=1.0, memory=50),
    probe(W4, 0.8, latency=1.0, memory=100),
    probe(W8, 0.8, latency=2.0, memory=200),
)


def test_the_loss_compares_a_method_with_the_mean_of_all_the_others() -> None:
    found = losses(CONV)
    two, eight = found["conv", "weight", W2], found["conv", "weight", W8]
    assert two.accuracy_drop == pytest.approx((0.8 - 0.4) / 0.8)
    assert two.latency_growth == pytest.approx((1.0 - 1.5) / 1.5)
    assert two.memory_growth == pytest.approx((50 - 150) / 150)
    assert eight.accuracy_drop == pytest.approx((0.6 - 0.8) / 0.6)
    assert eight.latency_growth == pytest.approx(1.0)
    assert eight.memory_growth == pytest.approx((200 - 75) / 75)


def test_the_total_is_the_weighted_sum_of_the_three_parts() -> None:
    loss = Loss(0.1, 0.2, -0.3)
    assert loss.total(SensitivityConfig()) == pytest.approx(0.1)
    weighted = SensitivityConfig(accuracy=2.0, latency=0.5, memory=1.0)
    assert loss.total(weighted) == pytest.approx(0.2 + 0.1 - 0.3)


def test_units_of_one_kind_are_averaged_and_kinds_and_roles_kept_apart() -> None:
    probes = (
        probe(W4, 0.6, path="body/0"),
        probe(W8, 0.8, path="body/0"),
        probe(W4, 0.8, path="body/1"),
        probe(W8, 0.8, path="body/1"),
        probe(W4, 0.2, path="body/2", kind="residual"),
        probe(W8, 0.8, path="body/2", kind="residual"),
        probe(A8, 0.7, path="body/0", role="activation"),
    )
    found = losses(probes)
    assert found["conv", "weight", W4].accuracy_drop == pytest.approx((0.25 + 0.0) / 2)
    assert found["residual", "weight", W4].accuracy_drop == pytest.approx(0.75)
    assert found["conv", "activation", A8] == Loss(0.0, 0.0, 0.0), "nothing to compare with"


def test_a_network_that_knows_nothing_loses_nothing() -> None:
    found = losses((probe(W2, 0.3), probe(W8, 0.0, latency=0.0, memory=0.0)))
    assert found["conv", "weight", W2] == Loss(0.0, 0.0, 0.0)


def test_a_latency_that_was_not_timed_is_unknown_and_never_counts_nothing() -> None:
    loss = losses((probe(W2, 0.4, latency=None), probe(W8, 0.8, latency=None)))
    assert {found.latency_growth for found in loss.values()} == {None}
    assert loss["conv", "weight", W2].total(SensitivityConfig()) == pytest.approx(0.5)
    with pytest.raises(MeasurementError, match=r"sensitivity\.latency = 0\.5.*not timed"):
        loss["conv", "weight", W2].total(SensitivityConfig(latency=0.5))


def kept(settings: SensitivityConfig, **more: object) -> dict[str, bool]:
    rows = judge(CONV, settings, **more)  # type: ignore[arg-type]
    return {row.method: row.kept for row in rows}


def test_the_threshold_keeps_what_is_at_or_under_it() -> None:
    assert kept(SensitivityConfig(threshold=0.1)) == {
        "lsq:2:channel": False,
        "lsq:4:channel": True,
        "lsq:8:channel": True,
    }
    exactly = losses(CONV)["conv", "weight", W2].accuracy_drop
    assert kept(SensitivityConfig(threshold=exactly))["lsq:2:channel"]
    assert not kept(SensitivityConfig(threshold=exactly - 1e-9))["lsq:2:channel"]


def test_keep_keeps_the_least_sensitive() -> None:
    assert sum(kept(SensitivityConfig(keep=1)).values()) == 1
    assert kept(SensitivityConfig(keep=2)) == kept(SensitivityConfig(threshold=0.1))
    assert all(kept(SensitivityConfig(keep=9)).values())


def test_the_weights_of_the_parts_decide_too() -> None:
    small = SensitivityConfig(threshold=0.0, memory=10.0)
    assert kept(small) == {"lsq:2:channel": True, "lsq:4:channel": True, "lsq:8:channel": False}


def test_in_joint_mode_one_method_always_stays() -> None:
    rows = judge(CONV, SensitivityConfig(threshold=-9.0))
    [last] = [row for row in rows if row.kept]
    assert last.loss == min(row.loss for row in rows)
    assert last.reason.endswith("is over the threshold -9, but the least sensitive always stays")


def test_in_fixed_mode_only_the_policy_is_judged() -> None:
    policy: dict[Role, Method] = {"weight": W2, "activation": A8}
    rows = judge(CONV, SensitivityConfig(threshold=0.1), policy=policy)
    by_method = {row.method: row for row in rows}
    assert not by_method["lsq:2:channel"].kept
    assert by_method["lsq:2:channel"].reason == "loss 0.500 is over the threshold 0.1"
    for other in ("lsq:4:channel", "lsq:8:channel"):
        assert by_method[other].kept
        assert by_method[other].reason == "not in the policy: measured to compare with"


def test_every_row_says_why() -> None:
    rows = {row.method: row.reason for row in judge(CONV, SensitivityConfig(threshold=0.1))}
    assert rows["lsq:2:channel"] == "loss 0.500 is over the threshold 0.1"
    assert rows["lsq:4:channel"].startswith("loss -0.333 is within the threshold")
    ranks = {row.method: row.reason for row in judge(CONV, SensitivityConfig(keep=1))}
    assert ranks["lsq:2:channel"] == "rank 3, the 1 least sensitive stay"


def test_other_filters_can_be_tried_on_the_same_measurements() -> None:
    for before in (SensitivityConfig(threshold=-9.0), SensitivityConfig(keep=1)):
        rows = judge(CONV, before)
        for after in (
            SensitivityConfig(threshold=0.1),
            SensitivityConfig(keep=2, memory=3.0),
            SensitivityConfig(threshold=0.2, accuracy=0.5, latency=1.0),
        ):
            assert judge_again(rows, after) == judge(CONV, after)
    policy: dict[Role, Method] = {"weight": W2, "activation": A8}
    settings = SensitivityConfig(threshold=0.1)
    again = judge_again(judge(CONV, settings), settings, policy=policy)
    assert again == judge(CONV, settings, policy=policy)
