"""From judged rows to what leaves the space (M4.3)."""

from bitwright.config import StageConfig
from bitwright.quant.narrowing import removals
from bitwright.quant.spec import Method
from bitwright.study.view import SensitivityRow

W2 = Method.parse("lsq:2")


def row(unit: str, loss: float, *, kept: bool, method: str = "lsq:2:channel") -> SensitivityRow:
    reason = f"loss {loss:.3f} is {'within' if kept else 'over'} the threshold 0.1"
    return SensitivityRow(unit, "weight", method, loss, 0.0, 0.0, loss, kept, reason)


def stage(*kinds: str) -> StageConfig:
    return StageConfig(name="body", kinds=kinds)


def test_in_joint_mode_the_methods_themselves_leave() -> None:
    rows = (row("conv", 0.5, kept=False), row("conv", -0.3, kept=True, method="lsq:8:channel"))
    final, removed = removals(rows, [stage("conv")], fixed=False)
    assert final == rows
    assert removed == ((("conv", "weight", W2), "loss 0.500 is over the threshold 0.1"),)


def test_in_fixed_mode_a_kind_leaves_where_another_can_stand() -> None:
    rows = (row("conv", 0.5, kept=False), row("residual", 0.0, kept=True))
    final, removed = removals(rows, [stage("conv", "residual")], fixed=True)
    assert final == rows
    assert [key for key, _ in removed] == [("conv", "weight", W2)]


def test_in_fixed_mode_every_stage_keeps_its_least_sensitive_kind() -> None:
    rows = (row("conv", 0.5, kept=False), row("residual", 0.3, kept=False))
    final, removed = removals(rows, [stage("conv", "residual")], fixed=True)
    assert [key[0] for key, _ in removed] == ["conv"]
    spared = next(item for item in final if item.unit == "residual")
    assert spared.kept
    assert spared.reason.endswith(
        "but a stage needs a kind of unit, and this is the least sensitive"
    )


def test_in_fixed_mode_the_worst_role_of_a_kind_counts() -> None:
    rows = (
        row("conv", 0.2, kept=False),
        row("conv", 0.9, kept=False, method="lsq:1:channel"),
        row("residual", 0.3, kept=False),
    )
    _, removed = removals(rows, [stage("conv", "residual")], fixed=True)
    assert {key[0] for key, _ in removed} == {"conv"}


def test_in_fixed_mode_kinds_without_methods_keep_a_stage_alive() -> None:
    rows = (row("conv", 0.5, kept=False),)
    _, removed = removals(rows, [stage("conv", "identity")], fixed=True)
    assert [key[0] for key, _ in removed] == ["conv"]


def test_in_fixed_mode_the_classifier_always_stays() -> None:
    rows = (row("classifier", 0.9, kept=False), row("conv", 0.0, kept=True))
    final, removed = removals(rows, [stage("conv")], fixed=True)
    assert removed == ()
    assert all(item.kept for item in final)


def test_removals_of_what_was_narrowed_are_the_same() -> None:
    rows = (row("conv", 0.5, kept=False), row("residual", 0.3, kept=False))
    once, removed = removals(rows, [stage("conv", "residual")], fixed=True)
    assert removals(once, [stage("conv", "residual")], fixed=True) == (once, removed)
