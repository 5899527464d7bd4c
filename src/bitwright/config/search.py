"""The keys below `search`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from bitwright.config.overrides import spelt_out
from bitwright.config.part import Part


class ConvergenceConfig(Part):
    """Stop when the reward's relative change over `window` iterations stays under `threshold`."""

    window: int = Field(default=10, ge=2)
    """Over so many of the last iterations."""

    threshold: float = Field(default=0.001, ge=0)
    """The reward's relative change, highest to lowest, is at most this."""


class HalvingConfig(Part):
    """Candidates train in stages; of each stage the best in `eta` go on to `eta` times as much."""

    eta: int = Field(default=3, ge=2, le=10)
    """One in so many goes on, to so many times the budget."""

    rungs: int = Field(default=2, ge=2, le=6)
    """So many stages; the last one ends the whole budget, train."""


class ScreenConfig(Part):
    """A screen before the controller: of many proposals the most promising one is evaluated."""

    by: str
    """What guesses the worth of a proposal: a known name, or "module:Class"."""

    pool: int = Field(default=64, ge=2, le=1024)
    """So many proposals are drawn for each that is evaluated."""


class SearchConfig(Part):
    """The loop (M1): who proposes, who evaluates, how often, and when it ends."""

    controller: str = "evolution"
    """Who proposes candidates: a known name, or "module:Class"."""

    options: dict[str, Any] = Field(default_factory=dict)
    """The controller's own settings."""

    screen: ScreenConfig | None = None
    """What chooses among the controller's proposals before any of them is trained."""

    fit: bool = False
    """Bring proposals within limits that are known before training, by fewer bits."""

    evaluator: str = "scratch"
    """How a candidate's worth is found out: a known name, or "module:Class"."""

    tuning: float = Field(default=0.1, ge=0, le=1)
    """The part of train.epochs for a candidate that starts from weights of others."""

    halving: HalvingConfig | None = None
    """Train candidates in stages, and only the best of them to the end."""

    iterations: int = Field(default=50, ge=1)
    """The most iterations."""

    convergence: ConvergenceConfig | None = None
    """Stop earlier, once the reward has converged."""

    minutes: float | None = Field(default=None, gt=0)
    """Stop after so many minutes of sensitivity and candidates, the last iteration finished."""

    trial_minutes: float | None = Field(default=None, gt=0)
    """End a candidate as infeasible after so many minutes of building, training and measuring."""

    lookahead: int | None = Field(default=None, ge=0, le=100)
    """How many iterations early candidates are proposed; by default 0, with several workers 1."""

    result: Literal["best", "last"] = "best"
    """Which candidate wins: the highest reward, or the best of the last iteration."""

    common_seed: bool = False
    """Train every candidate with one seed, so that less of what sets two apart is chance."""

    seed: int = Field(default=0, ge=0)
    """All randomness is derived from it."""

    @field_validator("screen", mode="before", json_schema_input_type=str | ScreenConfig | None)
    @classmethod
    def _screen_by_name(cls, value: Any) -> Any:
        return spelt_out("search.screen", value)
