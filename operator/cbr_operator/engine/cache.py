"""Every object as last seen, raw, with what the rules need to know of it beside the others (protocol, section 6)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from cbr_operator.engine.lanes import Lanes
from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication import Replication
from cbr_operator.ports import Clock, Json
from cbr_operator.rules.holds import Refusal, refusal_of
from cbr_operator.rules.lanes import Place, place_of, target_of
from cbr_operator.rules.looks import NOTHING_REMEMBERED, Memory

TOMBSTONE_SECONDS = 600.0
"""How long a deleted uid is remembered: longer than any late event of it can travel."""

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class Notes:
    """What this process remembers of an object beside what its status says; it may be forgotten at any time."""

    waiting_since: datetime | None = None
    tried: bool = False
    older: bool = False
    """It was there before this process led, which has not called for it yet."""
    memory: Memory = NOTHING_REMEMBERED
    """Of its looks at the cloud."""


@dataclass(slots=True)
class Entry:
    """One object."""

    body: Json
    uid: str
    version: int
    place: Place | None = None
    refusal: Refusal | None = None
    vault: str = ""
    """The source vault, as ids are compared."""
    notes: Notes = field(default_factory=Notes)


class Cache:
    """The objects, the lanes they stand in, and the refusals they tell of.

    ``gone`` is called with an entry that was dropped; whoever made a call for it may still have to hold its lane.
    """

    def __init__(self, *, clock: Clock, lanes: Lanes, gone: Callable[[Entry], None]) -> None:
        self._clock = clock
        self._lanes = lanes
        self._gone = gone
        self._entries: dict[Key, Entry] = {}
        self._refusals: defaultdict[str, dict[str, Refusal]] = defaultdict(dict)
        self._vaults: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._tombstones: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """The entry under this name."""
        return self._entries.get(key)

    def entries(self) -> Iterator[tuple[Key, Entry]]:
        """All entries, safe against changes meanwhile."""
        return iter(list(self._entries.items()))

    def refusals(self, key: str) -> tuple[Refusal, ...]:
        """What the cloud refused to callers that share this hold key."""
        return tuple(self._refusals.get(key, {}).values())

    def others_on_vault(self, entry: Entry) -> list[Entry]:
        """All other objects with the same source vault."""
        return [each for uid, each in self._vaults.get(entry.vault, {}).items() if uid != entry.uid]

    def store(self, body: Json) -> bool:
        """Take in an object, from whatever source; False when something as new or newer is there already."""
        metadata = body["metadata"]
        key, uid, version = _key_of(metadata), metadata["uid"], int(metadata["resourceVersion"])
        before = self._entries.get(key)
        if uid in self._tombstones or (before is not None and version <= before.version):
            return False
        if before is not None and before.uid != uid:
            self._remove(key, before)
            before = None
        entry = _entry(body, before.notes if before is not None else Notes())
        self._entries[key] = entry
        self._index(before, entry)
        return True

    def drop(self, key: Key, uid: str) -> None:
        """Forget a deleted object; late news of its uid are ignored from now on."""
        now = self._clock.boottime()
        self._tombstones = {each: until for each, until in self._tombstones.items() if until > now}
        self._tombstones[uid] = now + TOMBSTONE_SECONDS
        entry = self._entries.get(key)
        if entry is not None and entry.uid == uid:
            self._remove(key, entry)

    def _remove(self, key: Key, entry: Entry) -> None:
        del self._entries[key]
        self._index(entry, None)
        self._gone(entry)

    def _index(self, before: Entry | None, after: Entry | None) -> None:
        self._lanes.move(before.place if before else None, after.place if after else None)
        if before is not None and before.refusal is not None:
            shared = self._refusals[before.refusal.key]
            shared.pop(before.uid, None)
            if not shared:
                del self._refusals[before.refusal.key]
        if after is not None and after.refusal is not None:
            self._refusals[after.refusal.key][after.uid] = after.refusal
        if before is not None and before.vault:
            there = self._vaults[before.vault]
            there.pop(before.uid, None)
            if not there:
                del self._vaults[before.vault]
        if after is not None and after.vault:
            self._vaults[after.vault][after.uid] = after


def _key_of(metadata: Json) -> Key:
    return metadata.get("namespace", ""), metadata["name"]


def key_of(body: Json) -> Key:
    """The name under which an object is kept."""
    return _key_of(body["metadata"])


def _entry(body: Json, notes: Notes) -> Entry:
    """An object, and where it stands beside others. What cannot be read stands nowhere: the worker reports it."""
    metadata = body["metadata"]
    uid, version = metadata["uid"], int(metadata["resourceVersion"])
    try:
        replication = Replication.from_json(body)
    except ValidationError:
        return Entry(body, uid, version, notes=notes)
    target = target_of(replication)
    return Entry(
        body=body,
        uid=uid,
        version=version,
        place=place_of(replication),
        refusal=refusal_of(replication),
        vault=comparable_id(target.vault_id) if target is not None else "",
        notes=notes,
    )
