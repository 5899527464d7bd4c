"""What may change between two runs of one study, and what a changed setting makes worthless."""

from collections.abc import Mapping
from typing import Any

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.study.store import Store

MAY_CHANGE = frozenset(  # of [search], on resume
    {"iterations", "convergence", "minutes", "trial_minutes", "result"}
)
NOT_PROBED = frozenset({"epochs", "steps", "patience"})  # of [train]: sensitivity has its own


def check_unchanged(store: Store, config: StudyConfig, place: str) -> None:
    """Refuses to go on with trials that were made under other settings."""
    before = store.get("settings")
    if before is None or not store.outcomes():
        return
    old = StudyConfig.from_text(before, source=f"the settings in '{place}'")
    changed = first_difference(_fixed_part(old), _fixed_part(config))
    if changed is not None:
        key, was, now = changed
        raise ConfigError(
            f"the study in '{place}' was started with {key} = {was}, now it is {now}; "
            "use another folder with --out, or delete this one to start anew"
        )


def probed_under(config: StudyConfig) -> dict[str, Any]:
    """All settings that sensitivity depends on: measured under others, it is measured again.

    The filters are not among them, so that they can be tried out on what was measured once.
    """
    whole = config.model_dump(mode="json")
    measuring = {key: whole["sensitivity"][key] for key in ("images", "epochs", "tune_steps")}
    return {
        **{key: whole[key] for key in ("data", "space", "quantization", "device")},
        "target": whole["target"] or whole["targets"],
        "train": {key: value for key, value in whole["train"].items() if key not in NOT_PROBED},
        "distill": whole["distill"] if config.distill.candidates else None,
        "sensitivity": {**measuring, "timed": config.sensitivity.latency > 0},
        "seed": config.search.seed,
    }


def lookahead(config: StudyConfig) -> int:
    """How many iterations early candidates are proposed; it decides which ones a seed gives."""
    chosen = config.search.lookahead
    return int(config.workers > 1) if chosen is None else chosen


def _fixed_part(config: StudyConfig) -> dict[str, Any]:
    """What must not change once there are trials; of workers only what they mean for proposals."""
    data = config.model_dump(mode="json")
    data["search"] = {k: v for k, v in data["search"].items() if k not in MAY_CHANGE}
    data["search"]["lookahead"] = lookahead(config)
    for key in ("final", "finalists", "storage", "workers"):
        data.pop(key)
    return data


def first_difference(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str = ""
) -> tuple[str, Any, Any] | None:
    """The first key that differs: its dotted name and both values."""
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            return first_difference(was, now, f"{place}{key}.")
        return f"{place}{key}", was, now
    return None
