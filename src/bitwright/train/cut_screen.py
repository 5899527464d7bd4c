"""What a supernet says of a candidate before it is evaluated."""

from typing import ClassVar

from bitwright.execute.base import Workbench
from bitwright.records import Blueprint
from bitwright.train.cutting import Cutter
from bitwright.train.proxies.base import Proxy

IMAGES = 1000  # held-out samples that a network is judged on


class SupernetScreen(Proxy):
    """Cuts a candidate out of the supernet and judges it as it is: a score, not yet an accuracy.

    Trained alone it will be better, by how much is learned from those that were measured.
    """

    supernet: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._cutter = Cutter(bench)

    def score(self, blueprint: Blueprint) -> float:
        """The accuracy of what is cut out, on held-out samples."""
        shop = self._bench.shop
        return shop.score(self._cutter(blueprint), shop.held.first(IMAGES))
