"""Numbers by name in a file of the user's cache, shared between processes.

What they cost to find is time alone: a file that cannot be read is begun anew, one that cannot be
written does without, and either is told.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def stored(path: Path) -> dict[str, Any]:
    """The file's numbers; none where there is no file, or another thing than numbers in it."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        logger.warning("'%s' cannot be read, and is begun anew: %s", path, error)
        return {}
    if isinstance(found, dict) and all(type(at) in (int, float) for at in found.values()):
        return found
    logger.warning("'%s' does not hold numbers by name, and is begun anew", path)
    return {}


def store(path: Path, numbers: Mapping[str, float]) -> None:
    """Writes the file whole, so that no reader meets half of it."""
    written = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(numbers, indent=0, sort_keys=True), encoding="utf-8")
        written.replace(path)
    except OSError as error:
        logger.warning("what layers cost is not kept in '%s': %s", path, error)
