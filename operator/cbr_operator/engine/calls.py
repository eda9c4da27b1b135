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


Place = tuple[str, str]
"""Where there may be room: the endpoint's origin, and the namespace."""


class Calls:
    """The table of calls under way, by the uid they are made for, and the line of those who wait for room.

    Room that is free goes to whoever waits longest, and is kept until that object was decided about: else the next
    one of the lane whose call has just ended would always be faster. ``wake`` is called with such an object.
    """

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._calls: dict[str, Place] = {}
        self._kept: dict[Key, Place] = {}
        self._busy: Counter[str] = Counter()
        self._busy_for: Counter[str] = Counter()
        self._waiting: defaultdict[Place, dict[Key, None]] = defaultdict(dict)

    def __contains__(self, uid: str) -> bool:
        return uid in self._calls

    def __len__(self) -> int:
        return len(self._calls)

    def has_room(self, endpoint: str, key: Key) -> bool:
        """Whether a call to this endpoint may start for this object."""
        place = _place(endpoint, key)
        return self._kept.get(key) == place or self._is_free(place)

    def start(self, uid: str, endpoint: str, key: Key) -> None:
        """A call is made for this object."""
        self._give_up(key)
        self._calls[uid] = place = _place(endpoint, key)
        self._take(place)

    def end(self, uid: str) -> None:
        """It is over."""
        self._free(self._calls.pop(uid))
        self._call_up()

    def wait(self, endpoint: str, key: Key) -> None:
        """Wake this object once there is room for a call to its endpoint."""
        self._waiting[_place(endpoint, key)][key] = None

    def decided(self, key: Key) -> None:
        """This object was decided about: room that was kept for it is free unless it calls."""
        self._give_up(key)
        self._call_up()

    def _is_free(self, place: Place) -> bool:
        origin, namespace = place
        return (
            len(self._calls) + len(self._kept) < CALLS_IN_ALL
            and self._busy[origin] < CALLS_AN_ENDPOINT
            and self._busy_for[namespace] < CALLS_A_NAMESPACE
        )

    def _call_up(self) -> None:
        """Give free room to those who wait for it, to one of each endpoint and namespace after the other."""
        while places := [each for each in self._waiting if self._is_free(each)]:
            for place in places:
                if self._is_free(place):
                    self._keep(place)

    def _keep(self, place: Place) -> None:
        keys = self._waiting.pop(place)
        key = next(iter(keys))
        del keys[key]
        if keys:
            self._waiting[place] = keys
        self._give_up(key)
        self._kept[key] = place
        self._take(place)
        self._wake(key)

    def _give_up(self, key: Key) -> None:
        place = self._kept.pop(key, None)
        if place is not None:
            self._free(place)

    def _take(self, place: Place) -> None:
        origin, namespace = place
        self._busy[origin] += 1
        self._busy_for[namespace] += 1

    def _free(self, place: Place) -> None:
        origin, namespace = place
        _less(self._busy, origin)
        _less(self._busy_for, namespace)


def _place(endpoint: str, key: Key) -> Place:
    return origin_of(endpoint), key[0]


def _less(busy: Counter[str], key: str) -> None:
    """One less of these, and nothing kept of what has none."""
    busy[key] -= 1
    if not busy[key]:
        del busy[key]
