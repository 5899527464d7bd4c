"""Controllers, the reward they learn from, and when to stop."""

from bitwright.control.base import CONTROLLERS, Controller, Space, make

__all__ = ["CONTROLLERS", "Controller", "Space", "make"]
