"""Which calls to the cloud are under way, and how many may be: in all, and to one endpoint."""

from collections import Counter, defaultdict
from collections.abc import Callable

from cbr_operator.engine.store import Key

CALLS_IN_ALL = 64
CALLS_AN_ENDPOINT = 32
"""So one sick region, whose calls all hang until their time-out, leaves half of the calls to the others."""


class Calls:
    """The table of calls under way, by the uid they are made for, and who waits for one to end.

    ``wake`` is called with the key of an object that waited for room.
    """

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._endpoints: dict[str, str] = {}
        self._busy: Counter[str] = Counter()
        self._waiting: defaultdict[str, dict[Key, None]] = defaultdict(dict)

    def __contains__(self, uid: str) -> bool:
        return uid in self._endpoints

    def __len__(self) -> int:
        return len(self._endpoints)

    def has_room(self, endpoint: str) -> bool:
        """Whether one more call to this endpoint may start."""
        return len(self._endpoints) < CALLS_IN_ALL and self._busy[endpoint] < CALLS_AN_ENDPOINT

    def start(self, uid: str, endpoint: str) -> None:
        """A call is made for this object."""
        self._endpoints[uid] = endpoint
        self._busy[endpoint] += 1

    def end(self, uid: str) -> None:
        """It is over."""
        self._busy[self._endpoints.pop(uid)] -= 1
        self.wake_next()

    def wait(self, endpoint: str, key: Key) -> None:
        """Wake this object once there is room for a call to its endpoint."""
        self._waiting[endpoint][key] = None

    def wake_next(self) -> None:
        """Wake the longest waiting object of each endpoint that has room.

        Called whenever a call ends and whenever an object was decided about: one that was woken and then did not
        call must not keep the room from the next.
        """
        for endpoint in [each for each in self._waiting if self.has_room(each)]:
            keys = self._waiting[endpoint]
            key = next(iter(keys))
            del keys[key]
            if not keys:
                del self._waiting[endpoint]
            self._wake(key)
