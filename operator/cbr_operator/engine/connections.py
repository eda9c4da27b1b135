"""The connections as last seen, of both kinds: found by what objects name, and by uid."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from cbr_operator.engine.store import Key, Store, Stored, pack, trimmed, version_of
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS, Connection, ConnectionKey
from cbr_operator.kinds.replication import Replication
from cbr_operator.ports import Clock, Json
from cbr_operator.rules.connections import connection_of


@dataclass(slots=True)
class ConnectionEntry(Stored):
    """One connection."""

    connection: Connection | None = None
    """None: it cannot be read."""


class Connections:
    """The connections of both kinds."""

    def __init__(self, *, clock: Clock, changed: Callable[[ConnectionKey], None], gone: Callable[[str], None]) -> None:
        """``changed`` is called with a connection that came, went, or says something else than before.

        ``gone`` is called with the uid of one that went.
        """
        self._changed = changed
        self._gone = gone
        self._keys: dict[str, ConnectionKey] = {}
        self._stores = {kind.kind: self._store(kind, clock) for kind in (CONNECTIONS, CLUSTER_CONNECTIONS)}

    def store_of(self, kind: ResourceKind) -> Store[ConnectionEntry]:
        """The connections of one kind."""
        return self._stores[kind.kind]

    def get(self, key: ConnectionKey) -> Connection | None:
        """The connection of this name, if there is one that can be read."""
        entry = self._stores[key.kind].get((key.namespace, key.name))
        return entry.connection if entry is not None else None

    def all(self) -> Iterator[Connection]:
        """Every connection that can be read."""
        for store in self._stores.values():
            for _, entry in store.entries():
                if entry.connection is not None:
                    yield entry.connection

    def named_by(self, replication: Replication) -> Connection | None:
        """The connection that an object names, if it is there."""
        key = connection_of(replication)
        return self.get(key) if key is not None else None

    def key_of(self, uid: str) -> ConnectionKey | None:
        """The name of the connection with this uid."""
        return self._keys.get(uid)

    def _store(self, kind: ResourceKind, clock: Clock) -> Store[ConnectionEntry]:
        def entry(body: Json, _: ConnectionEntry | None) -> ConnectionEntry:
            try:
                connection = Connection.from_json(kind.kind, trimmed(body))
            except ValidationError:
                connection = None
            return ConnectionEntry(pack(body), body["metadata"]["uid"], version_of(body), connection)

        return Store(clock=clock, entry=entry, moved=self._moved)

    def _moved(self, before: ConnectionEntry | None, after: ConnectionEntry | None) -> None:
        old, new = (each.connection if each is not None else None for each in (before, after))
        if before is not None and after is None:
            self._keys.pop(before.uid, None)
            self._gone(before.uid)
        if after is not None and new is not None:
            self._keys[after.uid] = new.key
        either = new or old
        if either is not None and _said(old) != _said(new):
            self._changed(either.key)


def _said(connection: Connection | None) -> tuple[str, int, bool] | None:
    """What objects rest on: which connection it is, its spec, whether it is about to go."""
    if connection is None:
        return None
    metadata = connection.metadata
    return metadata.uid, metadata.generation, metadata.deletion_timestamp is not None


def is_same(one: Connection | None, other: Connection | None) -> bool:
    """Whether both are one connection that says the same."""
    return _said(one) == _said(other)


def name_of(key: ConnectionKey) -> Key:
    """Its name in the store and the queue of its kind."""
    return key.namespace, key.name
