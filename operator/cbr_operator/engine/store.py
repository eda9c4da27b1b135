"""The objects of one kind as last seen, raw, whatever the source: watch, list, or the answer to our own write.

An object is never replaced by an older version of itself, and one that was deleted does not come back
(protocol, section 6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic_core import from_json, to_json

from cbr_operator.ports import Clock, Json

TOMBSTONE_SECONDS = 600.0
"""How long a deleted uid is remembered: longer than any late event of it can travel."""

Key = tuple[str, str]
"""Namespace (empty for a cluster-scoped kind) and name."""


@dataclass(slots=True)
class Stored:
    """One object."""

    packed: bytes
    """Its body as ``pack`` makes it: as Python objects it would take three to four times the memory."""
    uid: str
    version: int

    @property
    def body(self) -> Json:
        """The raw object, unpacked anew each time: nobody can change what is stored."""
        body: Json = from_json(self.packed)
        return body


E = TypeVar("E", bound=Stored)


class Store(Generic[E]):
    """All objects of one kind, by name."""

    def __init__(
        self,
        *,
        clock: Clock,
        entry: Callable[[Json, E | None], E],
        moved: Callable[[E | None, E | None], None] = lambda _before, _after: None,
    ) -> None:
        """``entry`` makes an entry of a body, and of the entry of the same object before it, if there was one.

        ``moved`` is told of each entry that comes, changes or goes: before and after.
        """
        self._clock = clock
        self._entry = entry
        self._moved = moved
        self._entries: dict[Key, E] = {}
        self._tombstones: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> E | None:
        """The entry under this name."""
        return self._entries.get(key)

    def entries(self) -> Iterator[tuple[Key, E]]:
        """All entries, safe against changes meanwhile."""
        return iter(list(self._entries.items()))

    def store(self, body: Json) -> bool:
        """Take in an object, from whatever source; False when something as new or newer is there already."""
        key, uid, version = key_of(body), body["metadata"]["uid"], version_of(body)
        before = self._entries.get(key)
        if uid in self._tombstones or (before is not None and version <= before.version):
            return False
        if before is not None and before.uid != uid:
            self._remove(key, before)
            before = None
        after = self._entries[key] = self._entry(body, before)
        self._moved(before, after)
        return True

    def derive(self, key: Key) -> None:
        """Make an object's entry anew: what it is derived from beside the object has changed."""
        before = self._entries.get(key)
        if before is not None:
            after = self._entries[key] = self._entry(before.body, before)
            self._moved(before, after)

    def drop(self, key: Key, uid: str) -> None:
        """Forget a deleted object; late news of its uid are ignored from now on."""
        now = self._clock.boottime()
        self._tombstones = {each: until for each, until in self._tombstones.items() if until > now}
        self._tombstones[uid] = now + TOMBSTONE_SECONDS
        entry = self._entries.get(key)
        if entry is not None and entry.uid == uid:
            self._remove(key, entry)

    def _remove(self, key: Key, entry: E) -> None:
        del self._entries[key]
        self._moved(entry, None)


def key_of(body: Json) -> Key:
    """The name under which an object is kept."""
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def version_of(body: Json) -> int:
    """An object's resourceVersion; they are compared as numbers (source: KEP-5504)."""
    return int(body["metadata"]["resourceVersion"])


def pack(body: Json) -> bytes:
    """A body as it is kept."""
    return to_json(body)


def stored(body: Json, before: Stored | None) -> Stored:  # noqa: ARG001 - nothing is kept from before
    """An entry without anything derived."""
    return Stored(pack(body), body["metadata"]["uid"], version_of(body))
