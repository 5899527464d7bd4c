"""One run of a study: the values that its phases share."""

import dataclasses

from bitwright.config import StudyConfig
from bitwright.study.folder import Folder
from bitwright.study.interrupts import Paused
from bitwright.study.parts import Parts
from bitwright.study.store import Store
from bitwright.study.watch import Watcher


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What is run, where it is kept, and who watches."""

    config: StudyConfig
    parts: Parts
    folder: Folder
    store: Store
    watcher: Watcher

    def pause_if_asked(self) -> None:
        """Raises Paused where somebody wants the study to pause."""
        if self.folder.pause_asked():
            raise Paused
