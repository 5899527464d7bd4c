"""The recurrent controller's network: an LSTM over the decisions of one genome.

At each decision it reads the pick before and the decision's own name, and gives a distribution
over the options that are on offer (Zoph and Le, arXiv 1611.01578; one embedding and one head per
declared decision as in ENAS, arXiv 1802.03268). Imports torch: only the recurrent controller may
import this file, and only when it is made.
"""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitwright.errors import SpaceError
from bitwright.records import Choice, Pick

Selector = Callable[[Choice, Tensor], Pick]


class LstmPolicy(nn.Module):
    """Distributions over the options of one decision after another.

    Heads start at zero, so a fresh policy is uniform over whatever is on offer. All arithmetic is
    float64 on the CPU.
    """

    def __init__(self, declared: Sequence[Choice], *, hidden: int, seed: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.index = {choice.path: number for number, choice in enumerate(declared)}
        self.options = [choice.options for choice in declared]
        with torch.random.fork_rng(devices=[]):  # the process's own generator stays untouched
            torch.manual_seed(seed)
            self.cell = nn.LSTMCell(hidden, hidden, dtype=torch.float64)
            self.reward = nn.Linear(1, hidden, dtype=torch.float64)
            self.paths = nn.Embedding(max(1, len(declared)), hidden, dtype=torch.float64)
            self.picks = nn.ModuleList(
                nn.Embedding(len(options), hidden, dtype=torch.float64) for options in self.options
            )
            self.heads = nn.ModuleList(
                nn.Linear(hidden, len(options), dtype=torch.float64) for options in self.options
            )
        for head in self.heads:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def start(self, last_reward: float) -> "Episode":
        """A new genome's first step; the reward of the iteration before is its input (M1.2)."""
        reward = torch.tensor([[last_reward]], dtype=torch.float64)
        zeros = torch.zeros(1, self.hidden, dtype=torch.float64)
        return Episode(self, self.reward(reward), (zeros, zeros))

    def head(self, choice: Choice) -> tuple[int, list[int]]:
        """The head of a decision, and where in it the options on offer stand."""
        try:
            number = self.index[choice.path]
            declared = self.options[number]
            return number, [declared.index(option) for option in choice.options]
        except (KeyError, ValueError) as error:
            raise SpaceError(
                f"the space offers {list(choice.options)} at '{choice.path}', which its declared() "
                "does not list; declare every path with all options it can ever have"
            ) from error


class Episode:
    """One genome under way: feeds each pick back, keeps log-probabilities, sums entropies."""

    def __init__(self, policy: LstmPolicy, first: Tensor, state: tuple[Tensor, Tensor]) -> None:
        self._policy = policy
        self._input = first  # (1, H)
        self._state = state
        self.log_probabilities: list[Tensor] = []  # of the picks so far, in order
        self.entropy = torch.zeros((), dtype=torch.float64)

    def decide(self, choice: Choice, select: Selector) -> Pick:
        """The pick that `select` makes, given the choice and its options' probabilities."""
        number, offered = self._policy.head(choice)
        path = self._policy.paths(torch.tensor([number]))  # (1, H)
        self._state = self._policy.cell(self._input + path, self._state)
        logits = self._policy.heads[number](self._state[0])[0, offered]  # (offered,)
        logs = torch.log_softmax(logits, 0)
        pick = select(choice, logs.exp())
        at = choice.options.index(pick)
        self.log_probabilities.append(logs[at])
        self.entropy = self.entropy - (logs.exp() * logs).sum()
        self._input = self._policy.picks[number](torch.tensor([offered[at]]))
        return pick


def tensors_to_json(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Tensors as shapes and base64 text, exact to the last bit."""
    return {
        name: [list(value.shape), base64.b64encode(value.detach().numpy().tobytes()).decode()]
        for name, value in tensors.items()
    }


def tensors_from_json(data: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors (float64) that `tensors_to_json` wrote."""
    return {
        name: torch.from_numpy(np.frombuffer(base64.b64decode(text)).reshape(shape).copy())
        for name, (shape, text) in data.items()
    }


def optimizer_to_json(adam: torch.optim.Adam) -> dict[str, Any]:
    """Adam's moments by parameter number; a parameter that never had a gradient has none."""
    moments: dict[str, Any] = {}
    for number, state in adam.state_dict()["state"].items():
        steps = float(state["step"])
        rest = {name: value for name, value in state.items() if name != "step"}
        moments[str(number)] = {"step": steps, "tensors": tensors_to_json(rest)}
    return moments


def restore_optimizer(adam: torch.optim.Adam, data: dict[str, Any]) -> None:
    """Puts back what `optimizer_to_json` wrote."""
    state = {
        int(number): {"step": torch.tensor(item["step"]), **tensors_from_json(item["tensors"])}
        for number, item in data.items()
    }
    adam.load_state_dict({**adam.state_dict(), "state": state})
