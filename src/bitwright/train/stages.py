"""Training in stages: a trial ends on a rung, and a later one goes on from its checkpoint."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from bitwright.errors import ConfigError
from bitwright.execute.base import Job
from bitwright.execute.weights import checkpoint_file
from bitwright.train.checkpoint import UNREADABLE, write
from bitwright.train.trainer import Hooks


def of_stage(job: Job, folder: Path, hooks: Hooks) -> Hooks:
    """The hooks, with those that begin where the job does and end on its rung.

    What a later stage needs is written into the folder; after the whole budget there is none to
    come.
    ConfigError where the checkpoint to go on from is missing or broken.
    """

    def keep(state: dict[str, Any]) -> None:
        path = checkpoint_file(folder, job.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, {"seed": job.seed, "state": state})

    return dataclasses.replace(
        hooks,
        until=job.fidelity,
        keep=keep,
        resume=None if job.goes_on is None else _state(job, folder, job.goes_on),
    )


def _state(job: Job, folder: Path, number: int) -> dict[str, Any]:
    path = checkpoint_file(folder, number)
    try:
        found = torch.load(path, weights_only=True, map_location="cpu")
        if found["seed"] != job.seed:
            raise ValueError("it belongs to another training")
        return dict(found["state"])
    except UNREADABLE as error:
        raise ConfigError(
            f"trial {job.number} is to go on from the checkpoint '{path}', which cannot be read "
            f"({error}); put the file back, or start the study anew in another folder"
        ) from error
