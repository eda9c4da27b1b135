"""Where time and versions begin: far from every duration and count, so that the two can be told apart."""

from datetime import UTC, datetime, timedelta

FIRST_MOMENT = 1e9
"""The boot time, in seconds, at which every story begins."""
FIRST_VERSION = 10**12
"""The resourceVersion at which every story begins."""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def wall(moment: float) -> datetime:
    """What a right clock on the wall shows at this moment."""
    return NOON + timedelta(seconds=moment - FIRST_MOMENT)
