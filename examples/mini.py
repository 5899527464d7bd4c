"""The whole method in one file: a network's structure and its bits, searched together, on digits.

Run ``python examples/mini.py``: under a minute on one core. Of Bitwright it uses only the embedded
data, 1,797 real 8x8 pictures. Each step carries its number in the full method: M1 the loop,
M2 structure, M3 quantization, M4 sensitivity, M5 controller, M6 reward, M7 training.
"""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bitwright.tasks.data.load import load

# M2.2: the space is declared. M3.1: the transform is always LSQ; what is chosen is its bits.
DEPTHS, KERNELS, WIDTHS = (1, 2, 3), (1, 3, 5), (8, 16, 32)
WEIGHT_BITS, ACTIVATION_BITS = (1, 2, 4, 8), (2, 4, 8)
ITERATIONS, BATCH, WINDOW, CHANGE = 12, 4, 4, 0.02  # M1.3, M1.4
SEARCH_STEPS, FINAL_STEPS, SIZE_WEIGHT = 60, 500, 0.15  # M7.1, M6.2: MnasNet, arXiv 1807.11626

Answer = Callable[[tuple[int, ...]], int]  # picks one of the options
Methods = dict[int, tuple[int, ...]]  # the weight bits that a unit may take, by its kernel
Data = tuple[Tensor, Tensor]  # pictures (N, 1, 8, 8) and labels (N,)


class Unit(NamedTuple):
    """Convolution + batch norm + ReLU (M2.1), with the bits that the policy gives it (M3.2)."""

    kernel: int
    width: int
    weight: int = 8
    activation: int = 8


def decode(answer: Answer, methods: Methods) -> list[Unit]:
    """Asks for one decision after another: every sequence of answers is a network (M2.3).

    Joint mode (M3.4): after a unit's structure come its bits, out of that unit's method space.
    """
    units = []
    for _ in range(answer(DEPTHS)):
        kernel, width = answer(KERNELS), answer(WIDTHS)
        units.append(Unit(kernel, width, answer(methods[kernel]), answer(ACTIVATION_BITS)))
    return units


class LSQ(nn.Module):
    """Learned step size quantization (M3.3, arXiv 1902.08153)."""

    def __init__(self, bits: int, *, signed: bool) -> None:
        super().__init__()
        self.bits, self.low = bits, -(2 ** (bits - 1)) if signed else 0
        self.high = self.low + 2**bits - 1
        self.step = nn.Parameter(torch.zeros(()))  # 0: not yet set from the data

    def forward(self, x: Tensor) -> Tensor:
        """The values on their grid; gradients pass the rounding as if it were not there."""
        if self.step == 0:
            self.step.data = 2 * x.detach().abs().mean() / math.sqrt(max(1, self.high)) + 1e-6
        slow = 1 / math.sqrt(x.numel() * max(1, self.high))  # the paper's gradient scale
        step = self.step * slow + (self.step * (1 - slow)).detach()
        level = (x / step).clamp(self.low, self.high)
        return (level + (level.round() - level).detach()) * step


class Conv(nn.Module):
    """A unit as it is trained (M7.1): its weights and its output lie on the policy's grids."""

    def __init__(self, inputs: int, unit: Unit) -> None:
        super().__init__()
        self.unit, self.norm = unit, nn.BatchNorm2d(unit.width)
        self.conv = nn.Conv2d(inputs, unit.width, unit.kernel, padding="same", bias=False)
        self.weight, self.output = LSQ(unit.weight, signed=True), LSQ(unit.activation, signed=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to maps of the same height and width."""
        x = F.conv2d(x, self.weight(self.conv.weight), padding="same")
        return self.output(torch.relu(self.norm(x)))  # type: ignore[no-any-return]


def build(units: list[Unit]) -> nn.Sequential:
    """The network; one more unit gives a map per class, whose mean is the logit."""
    widths = [1, *(unit.width for unit in units)]
    pairs = zip(widths, [*units, Unit(1, 10)], strict=True)
    pool = nn.MaxPool2d(2, ceil_mode=True)
    body = [nn.Sequential(Conv(inputs, unit), pool) for inputs, unit in pairs]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def train(units: list[Unit], data: Data, steps: int, teacher: nn.Module | None) -> nn.Sequential:
    """Quantization-aware training to a step limit (M7.1), with distillation (M7.2)."""
    net = build(units)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(data[0]), (64,))
        logits = net(data[0][rows])
        loss = F.cross_entropy(logits, data[1][rows])
        if teacher is not None:  # it learns the teacher's chances too (arXiv 1503.02531)
            chances = F.softmax(teacher(data[0][rows]).detach(), 1)
            loss = loss + F.cross_entropy(logits, chances)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net.eval()


def accuracy(net: nn.Module, data: Data) -> float:
    """The part of the pictures that the quantized network gets right (M6.1)."""
    return float((net(data[0]).argmax(1) == data[1]).float().mean())


def packed_bytes(net: nn.Sequential) -> float:
    """Size (M6.1): weights at their bits; a bias and a scale of 4 bytes for each channel."""
    units = [layer for layer in net.modules() if isinstance(layer, Conv)]
    return sum(u.conv.weight.numel() * u.weight.bits / 8 + 8 * u.unit.width for u in units)


def insensitive(kernel: int, net: nn.Sequential, held_out: Data) -> tuple[int, ...]:
    """The bits that pass the filter (M4.3): at most 30 % worse than the other bits are (M4.1)."""
    found = {}
    for bits in WEIGHT_BITS:  # one method at a time in the units of this kind (M4.2)
        changed = copy.deepcopy(net)
        for layer in changed.modules():
            if isinstance(layer, Conv) and layer.unit.kernel == kernel:
                layer.weight = LSQ(bits, signed=True)
        found[bits] = accuracy(changed, held_out)
    others = {b: (sum(found.values()) - found[b]) / (len(found) - 1) for b in found}
    return tuple(bits for bits in found if 1 - found[bits] / others[bits] <= 0.3)


class Controller(nn.Module):
    """An LSTM that answers question after question (M5.1, arXiv 1611.01578)."""

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(size, size), nn.Linear(size, 4)
        self.reward, self.pick = nn.Linear(1, size), nn.Embedding(4, size)

    def propose(self, reward: float, methods: Methods) -> tuple[list[Unit], Tensor]:
        """Structure and bits (M5.2) and their log-probability, given the last reward."""
        x, state, total = self.reward(torch.tensor([[reward]])), None, torch.zeros(())

        def answer(options: tuple[int, ...]) -> int:
            nonlocal x, state, total
            state = self.cell(x, state)
            logits = self.head(state[0])[0, : len(options)]
            pick = torch.multinomial(logits.softmax(0), 1)
            total = total + torch.log_softmax(logits, 0)[int(pick)]
            x = self.pick(pick)
            return options[int(pick)]

        return decode(answer, methods), total


def main() -> None:
    """The loop (M1.1): propose, train, measure, learn, until converged; then the winner."""
    torch.manual_seed(0)
    digits = load("digits")
    images, test_images = (torch.from_numpy(s.images) / 16 for s in (digits.train, digits.test))
    labels, test_labels = (torch.from_numpy(s.labels) for s in (digits.train, digits.test))
    training, held_out = (images[300:], labels[300:]), (images[:300], labels[:300])
    teacher = train([Unit(5, 32), Unit(3, 32), Unit(1, 32)], training, FINAL_STEPS, None)
    methods = {kernel: insensitive(kernel, teacher, held_out) for kernel in KERNELS}
    print("weight bits that pass the sensitivity filter, by kernel:", methods)
    controller, reward, baseline = Controller(), 0.0, 0.0  # M1.2: the preset reward
    optimizer = torch.optim.Adam(controller.parameters(), 0.03)
    trials: list[tuple[float, list[Unit]]] = []
    history: list[float] = []  # the reward (the best score) of each of the last iterations
    for iteration in range(1, ITERATIONS + 1):
        gains = []
        for _ in range(BATCH):
            units, log_probability = controller.propose(reward, methods)  # M1.1 a
            net = train(units, training, SEARCH_STEPS, teacher)  # M1.1 b, c
            score = accuracy(net, held_out) * (packed_bytes(net) / 1000) ** -SIZE_WEIGHT  # M6.2
            trials.append((score, units))
            gains.append((score - baseline) * log_probability)  # REINFORCE
        optimizer.zero_grad()
        (-torch.stack(gains).sum()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scores = [score for score, _ in trials[-BATCH:]]
        reward, mean = max(scores), sum(scores) / BATCH
        baseline = 0.7 * baseline + 0.3 * mean if history else mean
        history = [*history, reward][-WINDOW:]
        print(f"iteration {iteration}: reward {reward:.3f}, mean {mean:.3f}")
        if len(history) == WINDOW and max(history) - min(history) <= CHANGE * max(history):
            break  # M1.1 d, M1.4: converged
    _, best = max(trials)  # M1.5
    winner = train(best, training, FINAL_STEPS, teacher)
    right = accuracy(winner, (test_images, test_labels))
    print(*best, f"winner: test accuracy {right:.3f}, {packed_bytes(winner):.0f} bytes", sep="\n")


if __name__ == "__main__":
    main()
