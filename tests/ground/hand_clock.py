"""A clock that a test moves by hand."""

from datetime import UTC, datetime


class HandClock:
    """Stands still until it is moved; ``set_back`` sets the wall clock alone, as a person or NTP would."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.set_back = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(1_000_000 + self.seconds - self.set_back, UTC)

    def boottime(self) -> float:
        return self.seconds

    def chance(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
