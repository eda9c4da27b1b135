"""Faults on order: what goes wrong with the calls on a vault, before or after they took effect."""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. Without any of them the call is answered as usual."""

    after: bool = False
    """After the call took effect; otherwise instead of that."""
    times: int | None = 1
    """For so many calls; None for all."""
    status: int | None = None
    """Answer with this status, and with ``body`` and ``headers``."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    """Reset the connection."""
    hang: bool = False
    """Answer only once the faults are released; a connection that is gone by then is not missed."""
    latency: float = 0.0
    """Seconds until the answer."""
    dribble: float = 0.0
    """Seconds between two bytes of the answer."""
    change: str = ""
    """The name of a change to an accepted call's answer, see ``CHANGES``."""
    records_after: float | None = None
    """The records of the call come in sight after so many seconds; None: as the cloud's settings say."""
    records_shown: int | None = None
    """Only so many of them, ever; None: all."""
    in_log: bool = True
    """Whether the operation log tells of the call."""

    @property
    def refuses(self) -> bool:
        """Whether the call does not take effect."""
        return not self.after and (self.status is not None or self.reset)


_BY_CHANCE = (
    Fault(reset=True),
    Fault(reset=True, after=True),
    Fault(status=502),
    Fault(status=504, after=True),
    Fault(status=200, body=b"{", after=True),
    Fault(status=429),
)


class Faults:
    """Orders by vault; the empty id stands for every vault. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, list[Fault]] = {}

    def add(self, vault_id: str, fault: Fault) -> None:
        """Order a fault; those of one vault come in the order in which they were ordered."""
        with self._lock:
            self._orders.setdefault(vault_id, []).append(fault)

    def take(self, vault_id: str, *, rate: float = 0.0) -> Fault:
        """What goes wrong with the call that has just come in: what was ordered, or by chance at this rate."""
        with self._lock:
            for key in (vault_id, ""):
                orders = self._orders.get(key)
                if orders:
                    fault = orders[0]
                    if fault.times is not None:
                        orders[0] = replace(fault, times=fault.times - 1)
                        if fault.times <= 1:
                            del orders[0]
                    return fault
        return random.choice(_BY_CHANCE) if random.random() < rate else Fault(after=True)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._orders.clear()


def _unknown_keys(answer: Json) -> Json:
    inner = answer["replication"]
    backups = [{**each, "new_in_backup": 1} for each in inner["backups"]]
    return {"replication": {**inner, "backups": backups, "new": {"a": []}}, "also_new": None}


def _without_record_ids(answer: Json) -> Json:
    inner = answer["replication"]
    return {"replication": {**inner, "backups": [{"backup_id": each["backup_id"]} for each in inner["backups"]]}}


def _same_backup_twice(answer: Json) -> Json:
    inner = answer["replication"]
    return {"replication": {**inner, "backups": [*inner["backups"], *inner["backups"]]}}


CHANGES: dict[str, Callable[[Json], Json]] = {
    "unknown_keys": _unknown_keys,
    "only_backups": lambda answer: {"replication": {"backups": answer["replication"]["backups"]}},
    "same_backup_twice": _same_backup_twice,
    "without_record_ids": _without_record_ids,
    "no_backups": lambda answer: {"replication": {**answer["replication"], "backups": []}},
}


def as_bytes(answer: Json) -> bytes:
    """An answer as it goes over the wire."""
    return json.dumps(answer).encode()
