"""A recurrent policy trained by REINFORCE (arXiv 1611.01578) or by PPO (arXiv 1707.06347).

Imports torch when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from bitwright.control.base import Controller, Snapshot, Space, genome_from_json, picks_to_json
from bitwright.control.converge import iteration_reward
from bitwright.control.operators import choices, first_valid, fresh, sample, walk
from bitwright.control.settings import Settings, read
from bitwright.records import Choice, Genome, Outcome, Pick

if TYPE_CHECKING:
    from torch import Tensor

    from bitwright.control.lstm_policy import Episode


CUT_OFF = 2.0  # in moving spreads


class RecurrentSettings(Settings):
    """How the policy learns.

    `exploration` first candidates are drawn uniformly. `entropy` weighs the bonus for staying
    undecided, per decision, against advantages in units of their own moving spread.
    `baseline_decay` is the part of the baseline that each iteration keeps. With `ppo` the policy
    takes `epochs` steps on each iteration's outcomes, and no step is drawn by a pick whose
    probability has moved beyond `clip` of what it was.
    """

    batch: int = Field(4, ge=1)
    algorithm: Literal["reinforce", "ppo"] = "reinforce"
    hidden: int = Field(48, ge=1, le=1024)
    learning_rate: float = Field(0.01, gt=0, le=1)
    entropy: float = Field(0.1, ge=0)
    baseline_decay: float = Field(0.6, ge=0, lt=1)
    exploration: int = Field(8, ge=0)
    clip: float = Field(0.2, gt=0, lt=1)
    epochs: int = Field(2, ge=1)

    @model_validator(mode="after")
    def _ppo_has_more_keys(self) -> Self:
        for key in ("clip", "epochs"):
            if self.algorithm != "ppo" and key in self.model_fields_set:
                raise ValueError(f"{key} = {getattr(self, key)} needs algorithm = 'ppo'")
        return self


class RecurrentController(Controller):
    """An LSTM emits the decisions of a genome; the gradient of the expected reward moves it.

    Departures from the paper: advantages are divided by their moving spread, so that no setting
    depends on the reward's scale, and cut off, so that one failed trial does not outweigh the
    others; a draw that was evaluated before is drawn anew. Outcomes are taken to come from the
    present policy: learn an iteration before the next is proposed.
    """

    def __init__(
        self, space: Space, settings: RecurrentSettings, *, seed: int, initial_reward: float
    ) -> None:
        import torch

        from bitwright.control.lstm_policy import LstmPolicy

        self.batch = settings.batch
        self._space = space
        self._settings = settings
        self._policy = LstmPolicy(space.declared(), hidden=settings.hidden, seed=seed)
        self._adam = torch.optim.Adam(self._policy.parameters(), settings.learning_rate)
        self._last_reward = initial_reward
        self._baseline: float | None = None  # None until the first iteration was learned
        self._spread = 1.0
        self._learned = 0
        self._seen: dict[Genome, None] = {}  # a set that keeps its order

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """A uniform policy, hidden weights drawn from the seed, that sees the initial reward."""
        settings = read(RecurrentSettings, options, "search.options")
        return cls(space, settings, seed=seed, initial_reward=initial_reward)

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A draw from the policy, given the last reward; a uniform one while exploring."""
        if self._learned < self._settings.exploration:
            return fresh(lambda: sample(self._space, rng), self._seen)
        return fresh(lambda: first_valid(self._space, lambda: self._draw(rng)), self._seen)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Moves the policy; then the averages and the reward that the next iteration sees."""
        rewards = np.array([outcome.reward for outcome in outcomes])
        baseline = float(rewards.mean()) if self._baseline is None else self._baseline
        advantages = (rewards - baseline) / self._update_averages(rewards, baseline)
        advantages = np.clip(advantages, -CUT_OFF, CUT_OFF)
        self._improve([outcome.genome for outcome in outcomes], advantages.tolist())
        self._last_reward = iteration_reward(outcomes)
        self._learned += len(outcomes)
        self._seen.update((outcome.genome, None) for outcome in outcomes)

    def _improve(self, genomes: Sequence[Genome], advantages: Sequence[float]) -> None:
        """One step of REINFORCE, or some of PPO, towards what did better than expected."""
        import torch

        met = [choices(self._space, genome) for genome in genomes]
        before: dict[int, Tensor] = {}  # log-probabilities of each genome's picks, at first
        for _ in range(self._settings.epochs if self._settings.algorithm == "ppo" else 1):
            self._adam.zero_grad()
            for at, (genome, advantage) in enumerate(zip(genomes, advantages, strict=True)):
                if not met[at]:
                    continue  # a space of one network leaves nothing to decide
                episode = self._replay(genome, met[at])
                logs = torch.stack(episode.log_probabilities)
                before.setdefault(at, logs.detach())
                gain = self._gain(logs, before[at], advantage)
                gain = gain + self._settings.entropy * episode.entropy
                torch.autograd.backward(-gain / len(genomes))
            self._adam.step()

    def _gain(self, logs: Tensor, before: Tensor, advantage: float) -> Tensor:
        """What the step is to raise, for one genome's picks."""
        if self._settings.algorithm == "reinforce":
            return advantage * logs.sum()
        ratio = (logs - before).exp()
        clipped = ratio.clamp(1 - self._settings.clip, 1 + self._settings.clip)
        return (advantage * ratio).minimum(advantage * clipped).sum()

    def _update_averages(self, rewards: npt.NDArray[np.float64], baseline: float) -> float:
        """Moves baseline and spread towards these rewards; returns the spread, never 0."""
        met = float(np.sqrt(np.mean((rewards - baseline) ** 2)))
        keep = 0.0 if self._baseline is None else self._settings.baseline_decay
        self._baseline = keep * baseline + (1 - keep) * float(rewards.mean())
        self._spread = keep * self._spread + (1 - keep) * met
        return self._spread or 1.0

    def _draw(self, rng: np.random.Generator) -> Genome:
        import torch

        def select(choice: Choice, chances: Tensor) -> Pick:
            position = int(np.searchsorted(np.cumsum(chances.numpy()), rng.random(), "right"))
            return choice.options[min(position, len(choice.options) - 1)]

        with torch.no_grad():
            episode = self._policy.start(self._last_reward)
            return walk(self._space, lambda choice: episode.decide(choice, select))

    def _replay(self, genome: Genome, met: Sequence[Choice]) -> Episode:
        """The episode that gives this genome under the present weights; `met` are its choices."""
        picks = genome.as_dict()
        episode = self._policy.start(self._last_reward)
        for choice in met:
            episode.decide(choice, lambda choice, _: picks[choice.path])
        return episode

    def snapshot(self) -> Snapshot:
        """Weights and optimizer bit for bit, the averages, and all that was evaluated."""
        from bitwright.control.lstm_policy import optimizer_to_json, tensors_to_json

        return {
            "policy": tensors_to_json(self._policy.state_dict()),
            "adam": optimizer_to_json(self._adam),
            "last_reward": self._last_reward,
            "baseline": self._baseline,
            "spread": self._spread,
            "learned": self._learned,
            "seen": [picks_to_json(genome) for genome in self._seen],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        from bitwright.control.lstm_policy import restore_optimizer, tensors_from_json

        self._policy.load_state_dict(tensors_from_json(snapshot["policy"]))
        restore_optimizer(self._adam, snapshot["adam"])
        self._last_reward = snapshot["last_reward"]
        self._baseline = snapshot["baseline"]
        self._spread = snapshot["spread"]
        self._learned = snapshot["learned"]
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}
