"""Which calls to the cloud are under way, and how many may be: in all, to one server, and for one namespace."""

from collections import Counter, defaultdict
from collections.abc import Callable

from cbr_operator.engine.store import Key
from cbr_operator.rules.access import origin_of

CALLS_IN_ALL = 64
CALLS_AN_ENDPOINT = 32
"""So one sick region, whose calls all hang until their time-out, leaves half of the calls to the others."""
CALLS_A_NAMESPACE = 16
"""So servers of one namespace's own, which all hang, leave the calls to the others."""


class Calls:
    """The table of calls under way, by the uid they are made for, and who waits for one to end.

    ``wake`` is called with the key of an object that waited for room.
    """

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._calls: dict[str, tuple[str, str]] = {}
        self._busy: Counter[str] = Counter()
        self._busy_for: Counter[str] = Counter()
        self._waiting: defaultdict[tuple[str, str], dict[Key, None]] = defaultdict(dict)

    def __contains__(self, uid: str) -> bool:
        return uid in self._calls

    def __len__(self) -> int:
        return len(self._calls)

    def has_room(self, endpoint: str, namespace: str) -> bool:
        """Whether one more call to this endpoint may start for an object of this namespace."""
        return (
            len(self._calls) < CALLS_IN_ALL
            and self._busy[origin_of(endpoint)] < CALLS_AN_ENDPOINT
            and self._busy_for[namespace] < CALLS_A_NAMESPACE
        )

    def start(self, uid: str, endpoint: str, namespace: str) -> None:
        """A call is made for this object."""
        origin = origin_of(endpoint)
        self._calls[uid] = origin, namespace
        self._busy[origin] += 1
        self._busy_for[namespace] += 1

    def end(self, uid: str) -> None:
        """It is over."""
        origin, namespace = self._calls.pop(uid)
        _less(self._busy, origin)
        _less(self._busy_for, namespace)
        self.wake_next()

    def wait(self, endpoint: str, key: Key) -> None:
        """Wake this object once there is room for a call to its endpoint."""
        self._waiting[origin_of(endpoint), key[0]][key] = None

    def wake_next(self) -> None:
        """Wake the longest waiting object of each endpoint and namespace that has room.

        Called whenever a call ends and whenever an object was decided about: one that was woken and then did not
        call must not keep the room from the next.
        """
        for place in [each for each in self._waiting if self.has_room(*each)]:
            keys = self._waiting[place]
            key = next(iter(keys))
            del keys[key]
            if not keys:
                del self._waiting[place]
            self._wake(key)


def _less(busy: Counter[str], key: str) -> None:
    """One less of these, and nothing kept of what has none."""
    busy[key] -= 1
    if not busy[key]:
        del busy[key]
