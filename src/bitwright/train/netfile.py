"""A trained network in a file: its blueprint and its weights, to be asked or trained on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint, policy_from_dict, unit_from_dict
from bitwright.space.joint import expand
from bitwright.train.checkpoint import write

FORMAT = "bitwright teacher 1"  # of before other networks than teachers were kept


def describe(blueprint: Blueprint) -> dict[str, str]:
    """What a file says of its own network."""
    units = [{"path": u.path, "kind": u.kind, **dict(u.params)} for u in blueprint.units]
    policy = {str(site): str(method) for site, method in blueprint.policy}
    return {"units": json.dumps(units), "policy": json.dumps(policy)}


def write_net(net: QuantNet, blueprint: Blueprint, path: Path, about: dict[str, Any]) -> None:
    """Writes the network with all that `read_net` needs; `about` travels along."""
    content = {
        "format": FORMAT,
        "input_shape": list(blueprint.input_shape),
        "outputs": blueprint.classes,
        "input_step": float(net.input_step),
        "input_zero": net.input_zero,
        **describe(blueprint),
        "about": about,
        "state": net.state_dict(),
    }
    write(path, content)


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What `write_net` wrote: the blueprint, the network's state, and what was said about it."""

    blueprint: Blueprint
    state: dict[str, Any]
    about: dict[str, Any]
    input_step: float
    input_zero: int


def read_stored(path: Path, device: torch.device) -> Stored:
    """What is in such a file, tensors on the device; raises one of `UNREADABLE` for another."""
    content = torch.load(path, weights_only=True, map_location=device)
    if content["format"] != FORMAT:
        raise KeyError(content["format"])
    units = tuple(unit_from_dict(unit) for unit in json.loads(content["units"]))
    policy = policy_from_dict(json.loads(content["policy"]))
    return Stored(
        Blueprint(tuple(content["input_shape"]), int(content["outputs"]), units, policy),
        content["state"],
        dict(content["about"]),
        content["input_step"],
        content["input_zero"],
    )


def read_net(path: Path, device: torch.device) -> tuple[QuantNet, dict[str, Any]]:
    """The network that `write_net` wrote, in evaluation mode, and what was said about it.

    Raises one of `UNREADABLE` for another file.
    """
    found = read_stored(path, device)
    net = QuantNet(
        expand(found.blueprint), input_step=found.input_step, input_zero=found.input_zero
    )
    net.load_state_dict(found.state)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval(), found.about
