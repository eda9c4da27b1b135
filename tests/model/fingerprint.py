"""A number for everything that decides what can still happen, so that a state which was explored is known again.

It walks from the world through the API server, the cloud and the memory of every process, its suspended coroutines
with their local variables included. Versions of objects count from the newest one, as only their order matters.
"""

import asyncio
import enum
import functools
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from cbr_operator.engine.alarms import Alarms
from cbr_operator.engine.connection_worker import ConnectionWorker
from cbr_operator.engine.connections import Connections
from cbr_operator.engine.controller import Controller
from cbr_operator.engine.planning import Planning, Surroundings
from cbr_operator.engine.store import Stored
from cbr_operator.engine.sweep import Lists
from cbr_operator.kinds.common import Metadata, Model, ResourceKind
from cbr_operator.kinds.connection import CONNECTIONS, Connection
from cbr_operator.kinds.replication import REPLICATIONS, Replication
from cbr_operator.ports import Json
from cbr_operator.rules.view import View
from model.loop import ModelLoop
from model.process import ClockPort, CloudPort, KubePort, Process, Request
from model.times import FIRST_VERSION
from model.world import World

_ATOMS = (type(None), bool, float, bytes, datetime, timedelta)
_ENDS = (World, Process, ModelLoop, ClockPort, CloudPort, KubePort, type, types.ModuleType)
"""Where the walk ends: what they lead to is walked from elsewhere."""
_IDLE = (Planning, Surroundings, Alarms)
"""The other kinds: no object of theirs is in these stories."""
MOST_KNOWN = 20_000
_DIGITS = len(str(FIRST_VERSION))


def fingerprint(world: World) -> int:
    """Equal for worlds in which the same can happen from here on."""
    tasks = (task for process in world.processes for task in process.loop.tasks())
    ages = {id(task): f"{age:6}" for age, task in enumerate(tasks)}
    walk = _Walk(world.api.version, ages, connected=world.connected)
    walk.see(world.time)
    walk.see(world.plans_left())
    walk.see(_without(vars(world.api), "writes"))
    walk.see([world.api_away_until, world.refused_tokens, world.made_processes])
    walk.see(_without(vars(world.cloud), "reads"))
    walk.see(_without(vars(world.laws), "world"))
    for process in world.processes:
        walk.see(process.name)
        walk.see([process.skew, process.watching, process.watch_begun, process.leaving])
        walk.see([process.watches, process.frozen_until])
        walk.see(process.requests)
        walk.see(process.sweepers)
        walk.see(process.loop.timers())
        walk.see(process.loop.tasks())
        walk.see(process.engine)
    return hash(tuple(walk.seen))


def _without(them: dict[str, Any], name: str) -> dict[str, Any]:
    """All but this; how often something happened decides nothing."""
    return {key: value for key, value in them.items() if key != name}


class _Walk:
    """One walk; ``seen`` is what it came by, in order."""

    def __init__(self, newest: int, ages: dict[int, str], *, connected: bool) -> None:
        """``newest``: version of all; ``ages``: of the tasks by their id, for a set of them has no order.

        ``connected``: there are connections; without them what keeps them has nothing to do.
        """
        self.seen: list[Any] = []
        self._newest = newest
        self._ages = ages
        self._connected = connected
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []

    def see(self, it: Any) -> None:
        """Go on from here."""
        kind = type(it)
        how = _HOW.get(kind)
        if how is None:
            how = _HOW[kind] = _choose(kind)
        how(self, it)

    def atom(self, it: Any) -> None:
        self.seen.append(it)

    def whole(self, it: int) -> None:
        self.seen.append(it - self._newest if it >= FIRST_VERSION else it)

    def text(self, it: str) -> None:
        is_version = len(it) == _DIGITS and it.isdecimal()
        self.seen.append(int(it) - self._newest if is_version else it)

    def name(self, it: Any) -> None:
        self.seen.append(getattr(it, "__qualname__", None) or getattr(it, "name", type(it).__name__))

    def many(self, it: Any) -> None:
        self.seen.append(len(it))
        for each in it:
            self.see(each)

    def unordered(self, it: Any) -> None:
        self.many(sorted(it, key=lambda each: self._ages.get(id(each)) or repr(each)))

    def pairs(self, it: Any) -> None:
        if "apiVersion" in it:
            self.body(it)
            return
        self.seen.append(len(it))
        for key, value in it.items():
            self.see(key)
            self.see(value)

    def body(self, it: Json) -> None:
        """An object as read: never changed in place, so what is in it is walked once for all."""
        version = it["metadata"].get("resourceVersion")
        self.seen.append(version and int(version) - self._newest)
        self.seen.append(
            _remembered(it, lambda: repr([it["metadata"] | {"resourceVersion": ""}, it.get("spec"), it.get("status")]))
        )

    def frozen(self, it: Any) -> None:
        """A value that never changes, and knows no version."""
        self.seen.append(_remembered(it, lambda: repr(it)))

    def model(self, it: Model) -> None:
        """A frozen value, but one with a version in it."""
        self.pairs(it.__dict__)

    def once(self, it: Any) -> bool:
        """Whether it is come by for the first time; it has an identity, and others may point to it."""
        number = self._numbers.get(id(it))
        if number is None:
            self._numbers[id(it)] = len(self._numbers)
            self._kept.append(it)
            self.seen.append(type(it).__name__)
            return True
        self.seen.append(number)
        return False

    def thing(self, it: Any) -> None:
        if self.once(it):
            for _, value in _attributes(it):
                self.see(value)

    def entry(self, it: Stored) -> None:
        """An object in the cache, packed; its version counts from the newest one."""
        if self.once(it):
            self.see([it.uid, it.version, hash(it.packed.replace(b"%d" % it.version, b""))])
            for name, value in _attributes(it):
                if name not in ("packed", "version", "uid"):
                    self.see(value)

    def of_a_kind(self, it: Any) -> None:
        """A part of the controller of one kind; those of the others have nothing to do."""
        if self._is_idle(it):
            self.seen.append(type(it).__name__)
        else:
            self.thing(it)

    def _is_idle(self, it: Any) -> bool:
        """Whether this is a part of the controller of a kind of which there is no object."""
        kind = _kind_of(it)
        return kind != REPLICATIONS and not (self._connected and kind == CONNECTIONS)

    def request(self, it: Request) -> None:
        if self.once(it):
            self.see([it.process.name, it.verb, it.hangs, it.future])
            self.see({key: value for key, value in it.what.items() if key != "may_send"})

    def task(self, it: asyncio.Task[Any]) -> None:
        if self.once(it):
            self.see([it.done(), it.cancelling()])
            frame = getattr(it.get_coro(), "cr_frame", None)
            if it.done():
                self.see(None if it.cancelled() else it.exception() or it.result())
            elif frame is None or not self._is_idle(frame.f_locals.get("self")):
                self.see(it.get_coro())

    def future(self, it: asyncio.Future[Any]) -> None:
        if self.once(it):
            self.see(it.done())
            if it.done() and not it.cancelled():
                self.see(it.exception() or it.result())

    def coroutine(self, it: Any) -> None:
        """A suspended function: where it stands, its variables, and what it awaits."""
        if self.once(it):
            frame, inner = _frame(it)
            self.seen.append(getattr(it, "__qualname__", ""))
            if frame is not None:
                self.seen.append(frame.f_lasti)
                self.pairs(frame.f_locals)
            if inner is not None:
                self.see(inner)

    def function(self, it: types.FunctionType) -> None:
        self.seen.append(it.__qualname__)
        for cell in it.__closure__ or ():
            self.see(cell.cell_contents)

    def method(self, it: types.MethodType) -> None:
        self.seen.append(it.__func__.__qualname__)
        self.see(it.__self__)

    def partial(self, it: functools.partial[Any]) -> None:
        self.see(it.func)
        self.see(it.args)
        self.see(it.keywords)

    def handle(self, it: asyncio.Handle) -> None:
        if self.once(it):
            self.see([it.cancelled(), getattr(it, "_when", None)])
            if not it.cancelled():
                self.see(it._callback)  # type: ignore[attr-defined]
                self.see(it._args)

    def error(self, it: BaseException) -> None:
        self.seen.append(repr(it))


_KNOWN: dict[int, tuple[Any, int]] = {}


def _remembered(it: Any, describe: Callable[[], str]) -> int:
    """The hash of what describes something that never changes; keeping it keeps its id from being used again."""
    known = _KNOWN.get(id(it))
    if known is None:
        if len(_KNOWN) > MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[id(it)] = it, hash(describe())
    return known[1]


_How = Callable[[_Walk, Any], None]
_HOW: dict[type, _How] = {}
_CHOICES: tuple[tuple[tuple[type, ...], _How], ...] = (
    ((*_ATOMS, enum.Enum), _Walk.atom),
    ((str,), _Walk.text),
    ((int,), _Walk.whole),
    ((*_ENDS, *_IDLE), _Walk.name),
    ((Controller, Lists, Connections, ConnectionWorker), _Walk.of_a_kind),
    ((dict, OrderedDict, defaultdict, Counter), _Walk.pairs),
    ((list, tuple, deque), _Walk.many),
    ((set, frozenset), _Walk.unordered),
    ((Metadata, Replication, Connection), _Walk.model),
    ((Model,), _Walk.frozen),
    ((Request,), _Walk.request),
    ((Stored,), _Walk.entry),
    ((asyncio.Task,), _Walk.task),
    ((asyncio.Future,), _Walk.future),
    ((types.CoroutineType, types.AsyncGeneratorType, types.GeneratorType), _Walk.coroutine),
    ((types.FunctionType,), _Walk.function),
    ((types.MethodType,), _Walk.method),
    ((functools.partial,), _Walk.partial),
    ((asyncio.Handle,), _Walk.handle),
    ((BaseException,), _Walk.error),
)


def _choose(kind: type) -> _How:
    if _is_frozen(kind):
        return _Walk.frozen
    for types_, how in _CHOICES:
        if issubclass(kind, types_):
            return how
    return _Walk.thing if kind.__module__ != "builtins" else _Walk.name


def _kind_of(it: Any) -> ResourceKind:
    """Which kind's objects this is for."""
    match it:
        case Controller() | ConnectionWorker():
            return it.kind
        case Lists():
            return it._kind
        case Connections():
            return CONNECTIONS
    return REPLICATIONS


def _is_frozen(kind: type) -> bool:
    ours = kind.__module__.startswith(("cbr_operator.rules", "cbr_operator.ports"))
    parameters = getattr(kind, "__dataclass_params__", None)
    return ours and kind is not View and parameters is not None and bool(parameters.frozen)


def _frame(it: Any) -> tuple[types.FrameType | None, Any]:
    if isinstance(it, types.CoroutineType):
        return it.cr_frame, it.cr_await
    if isinstance(it, types.AsyncGeneratorType):
        return it.ag_frame, it.ag_await
    return it.gi_frame, it.gi_yieldfrom


def _attributes(it: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(it, "__dict__", {}).items()
    for kind in type(it).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__weakref__", "__dict__") and hasattr(it, name):
                yield name, getattr(it, name)
