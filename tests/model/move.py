"""One thing that may happen."""

from collections.abc import Callable
from dataclasses import dataclass

AWAY = 60.0
"""Seconds that a server is away, or news are late, when they are."""


@dataclass(frozen=True, slots=True)
class Move:
    """Something that may happen."""

    label: str
    act: Callable[[], object]
    cost: int = 1
