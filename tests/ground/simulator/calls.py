"""What the simulated cloud counts: every POST that came, and what came of it."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One POST."""

    vault_id: str
    destination_region: str
    token: str
    body: bytes
    came: float = field(default_factory=time.time)
    went: float | None = None
    accepted: bool = False
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def record_ids(self) -> list[str]:
        """The ids of the records that it began."""
        return [each["replication_record_id"] for each in self.answer["replication"]["backups"]]


@dataclass(frozen=True, slots=True)
class Request:
    """Any request for a vault."""

    operation: str
    vault_id: str
    came: float = field(default_factory=time.time)


class Calls:
    """The book of calls. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, list[Call]] = {}
        self._requests: list[Request] = []
        self._now: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.gets: Counter[str] = Counter()
        """Reads by list."""
        self.gets_of: Counter[tuple[str, str]] = Counter()
        """Reads by list and vault."""
        self.refused: Counter[str] = Counter()
        """Requests with a token that was refused, by token."""

    def count_get(self, name: str, vault_id: str = "") -> None:
        """A list was read."""
        with self._lock:
            self.gets[name] += 1
            self.gets_of[name, vault_id] += 1
            self._requests.append(Request(name, vault_id))

    def begin(self, call: Call) -> None:
        """A POST has come in."""
        with self._lock:
            self._calls.setdefault(call.vault_id, []).append(call)
            self._requests.append(Request("replicate", call.vault_id, call.came))
            self._now[call.vault_id] += 1
            self.most_at_once[call.vault_id] = max(self.most_at_once[call.vault_id], self._now[call.vault_id])

    def requests(self) -> list[Request]:
        """Every request for vaults, in the order in which they came."""
        with self._lock:
            return list(self._requests)

    def end(self, call: Call) -> None:
        """It was answered, or its connection is gone."""
        with self._lock:
            call.went = time.time()
            self._now[call.vault_id] -= 1

    def received(self, vault_id: str = "") -> list[Call]:
        """The POSTs on one vault in the order in which they came; on all with an empty id."""
        with self._lock:
            if vault_id:
                return list(self._calls.get(vault_id, []))
            return [call for calls in self._calls.values() for call in calls]

    def accepted(self, vault_id: str = "") -> list[Call]:
        """Those that took effect."""
        return [call for call in self.received(vault_id) if call.accepted]

    def _received_again(self) -> int:
        """Calls for a vault and region that came after one that took effect: the cloud refuses them, so they hide."""
        taken: set[tuple[str, str]] = set()
        again = 0
        for call in sorted(self.received(), key=lambda each: each.came):
            pair = call.vault_id, call.destination_region
            again += pair in taken
            taken |= {pair} if call.accepted else set()
        return again

    def summary(self) -> dict[str, Any]:
        """The figures a benchmark asks for."""
        accepted = self.accepted()
        pairs = Counter((call.vault_id, call.destination_region) for call in accepted)
        return {
            "received": len(self.received()),
            "accepted": len(accepted),
            "received_again": self._received_again(),
            "most_for_one_pair": max(pairs.values(), default=0),
            "most_at_once_on_a_vault": max(self.most_at_once.values(), default=0),
            "gets": dict(self.gets),
        }
