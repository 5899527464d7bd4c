"""Seeds derived from the study's own, one per trial and purpose."""

import hashlib

import numpy as np


def derive(study_seed: int, trial: int, purpose: str) -> int:
    """A seed in 0..2**63-1, the same in every process and on every machine.

    The purpose ("propose", "weights", "batches", ...) keeps the parts of one trial apart: drawing
    more numbers for one of them never shifts another.

    >>> derive(7, 0, "propose")
    41117504724151126
    """
    text = f"{study_seed}/{trial}/{purpose}".encode()
    digest = hashlib.blake2b(text, digest_size=8, person=b"bitwright").digest()
    return int.from_bytes(digest, "big") >> 1


def generator(study_seed: int, trial: int, purpose: str) -> np.random.Generator:
    """A fresh generator on the derived seed; its algorithm is fixed by name."""
    return np.random.Generator(np.random.PCG64(derive(study_seed, trial, purpose)))
