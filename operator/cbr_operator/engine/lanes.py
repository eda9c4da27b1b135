"""Who stands in which lane now: an index over the cached objects and the calls under way; no lock."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cbr_operator.rules.lanes import Place


@dataclass(slots=True)
class _Lane:
    holders: dict[str, Place] = field(default_factory=dict)
    """By uid: objects whose outcome is open, calls under way, and calls whose object was deleted."""
    ready: dict[str, Place] = field(default_factory=dict)
    """By uid: objects that stand in line."""
    first: Place | None = None
    """The oldest of the ready ones, kept so that a long line costs one comparison an arrival."""


class Lanes:
    """The lanes. ``wake`` is called with the place that is in front once a lane has moved."""

    def __init__(self, wake: Callable[[Place], None]) -> None:
        self._wake = wake
        self._lanes: dict[str, _Lane] = {}

    def in_front_of(self, place: Place) -> Place | None:
        """Who has the lane, or comes before ``place`` in it; None when the lane is its own."""
        lane = self._lanes.get(place.lane)
        if lane is None:
            return None
        holder = next((each for uid, each in lane.holders.items() if uid != place.uid), None)
        if holder is not None:
            return holder
        return lane.first if lane.first is not None and lane.first.order < place.order else None

    def hold(self, place: Place) -> None:
        """A call is about to be made for this object: nobody else calls the vault until ``release``."""
        self._lane(place).holders[place.uid] = place

    def release(self, place: Place) -> None:
        """The call is over, and the object's status, if any, does not hold the lane."""
        if place.lane in self._lanes:
            self._lanes[place.lane].holders.pop(place.uid, None)
            self._moved(place.lane)

    def stand(self, place: Place, *, ready: bool) -> None:
        """Let the object stand in line, or step out of it."""
        if ready:
            lane = self._lane(place)
            lane.ready[place.uid] = place
            if lane.first is None or place.order < lane.first.order:
                lane.first = place
        elif place.lane in self._lanes and self._lanes[place.lane].ready.pop(place.uid, None) is not None:
            self._moved(place.lane)

    def move(self, before: Place | None, after: Place | None) -> None:
        """An object's status changed, it came, or it went."""
        if before == after:
            return
        if after is not None and after.holds:
            self._lane(after).holders[after.uid] = after
        if before is None or before.lane not in self._lanes:
            return
        lane = self._lanes[before.lane]
        left = after is None or after.lane != before.lane  # its connection may have been led elsewhere
        if before.holds and (left or not (after is not None and after.holds)):
            lane.holders.pop(before.uid, None)
        if left or (after is not None and after.holds):
            lane.ready.pop(before.uid, None)
        self._moved(before.lane)

    def _lane(self, place: Place) -> _Lane:
        return self._lanes.setdefault(place.lane, _Lane())

    def _moved(self, key: str) -> None:
        lane = self._lanes[key]
        if lane.first is not None and lane.first.uid not in lane.ready:
            lane.first = min(lane.ready.values(), key=lambda each: each.order, default=None)
        if not lane.holders and lane.first is not None:
            self._wake(lane.first)
        elif not lane.holders and not lane.ready:
            del self._lanes[key]
