"""The machine's clocks, and its dice."""

import asyncio
import random
import time
from datetime import UTC, datetime

# Linux alone has this one; macOS' monotonic clock goes on while the machine is suspended.
_BOOTTIME: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The real Clock."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Seconds since the machine started, its suspended time included."""
        return time.clock_gettime(_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Let others run for this long."""
        await asyncio.sleep(seconds)

    def chance(self) -> float:
        """0 to 1, drawn anew each time."""
        return random.random()  # noqa: S311 - jitter, no secret
