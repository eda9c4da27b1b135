"""Everything that may happen next. The first move of a list is what happens when nothing goes wrong; it costs nothing.

All others cost one: the explorer takes every way through a story with up to so many of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from cbr_operator.ports import Facts, Json, RefusedError, UnavailableError
from model.cloud import failed
from model.process import Process, Request
from model.servers import arrive, may_send, offset, perform
from model.world import World

AWAY = 60.0
"""Seconds that a server is away, when it is."""
FROZEN = 300.0
"""Seconds that a process is frozen, when it is: longer than a call takes to be resolved."""
ANSWER_TIMEOUT = 60.0
SLOW = 40.0
MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Move:
    """Something that may happen."""

    label: str
    act: Callable[[], object]
    cost: int = 1


def moves(world: World) -> list[Move]:
    """All that may happen now; empty when every object has come to its end and nobody has anything to do."""
    turn = _turn(world)
    return [*turn, *_from_outside(world)] if turn else []


def _turn(world: World) -> list[Move]:
    """Whose turn it is: a request that comes back, else news that arrive, else time that passes."""
    queue = world.queue()
    news = [each for each in world.processes if each.runs and each.watch and each.watch_held_until <= world.time]
    if queue:
        first, *others = queue
        return [
            *_ends_of(world, first),
            *(Move(f"{_name(each)} comes first", partial(_come_back, world, each)) for each in others),
            *(Move(f"news reach {each.name} first", partial(world.deliver, each)) for each in news),
        ]
    if news:
        process = news[0]
        return [
            Move(f"news reach {process.name}", partial(world.deliver, process), cost=0),
            Move(f"news to {process.name} are late", partial(_hold_watch, world, process)),
            Move(f"news to {process.name} are lost", process.watch.popleft),
        ]
    waits = any(each.watch or each.frozen_until > world.time or each.leaving for each in world.processes)
    if world.has_ended() and not (waits or world.plans or world.laws.calls):
        return []
    return [Move("time passes", world.pass_time, cost=0)]


def _name(request: Request) -> str:
    return f"{request.process.name}'s {request.verb}"


def _hold_watch(world: World, process: Process) -> None:
    process.watch_held_until = world.time + AWAY


# ---------------------------------------------------------------------------------------- how requests come back


def _ends_of(world: World, request: Request) -> Iterator[Move]:
    """How a request may come back."""
    name = _name(request)
    if request.verb == "replicate":
        yield from _ends_of_call(world, request, name)
        return
    if request.verb in ("list_backups", "list_operation_logs"):
        yield Move(f"{name}: answered", partial(_come_back, world, request), cost=0)
        yield Move(f"{name}: 503", partial(_give_facts, world, request, 503, "The service is busy."))
        if request.what["credential"].version not in world.refused_versions:
            yield Move(f"{name}: the token is refused from now on", partial(_refuse_token, world, request))
        return
    if world.api_away_until > world.time:
        yield Move(f"{name}: the API server is away", partial(request.give, UnavailableError("away")), cost=0)
        return
    yield Move(f"{name}: done", partial(_come_back, world, request), cost=0)
    yield Move(f"{name}: not done, no answer", partial(request.give, UnavailableError("no answer")))
    yield Move(f"{name}: the API server is away for {AWAY:.0f} s", partial(_api_away, world, request))
    if request.verb in ("list", "get"):
        yield Move(f"{name}: done, the answer is late", partial(answer_later, world, request, 4.0))
    if request.verb in ("patch_status", "delete"):
        yield Move(f"{name}: done, the answer is lost", partial(_lose_answer, world, request))
        yield Move(f"{name}: the object was changed just before", partial(_touch_before, world, request))
        yield Move(f"{name}: done, the answer is late", partial(answer_later, world, request, 4.0))
        yield Move(f"{name}: no answer, done later", partial(_done_later, world, request))
    if request.verb == "patch_status":
        yield Move(f"{name}: refused as invalid", partial(request.give, RefusedError("invalid")))


def _ends_of_call(world: World, request: Request, name: str) -> Iterator[Move]:
    """How the one call that counts may end."""
    give = partial(_give_call, world, request)
    yield Move(f"{name}: answered", partial(_come_back, world, request), cost=0)
    yield Move(f"{name}: no connection", partial(give, Facts(sent=False, failure="connection refused")))
    yield Move(f"{name}: taken, the answer is lost", partial(_take, world, request, 0.0, lost=True))
    yield Move(f"{name}: taken, no answer comes", partial(_take, world, request, ANSWER_TIMEOUT, lost=True))
    yield Move(f"{name}: taken, the answer is slow", partial(_take, world, request, SLOW, lost=False))
    yield Move(f"{name}: lost on its way", partial(give, Facts(sent=True, failure="connection reset")))
    where = offset(world, request)
    yield Move(f"{name}: 502, not taken", partial(give, failed(502, "", "Bad gateway", offset=where, sent=True)))
    yield Move(f"{name}: the token is refused from now on", partial(_refuse_token, world, request))
    wait = failed(429, "", "Too many requests", offset=where, sent=True, retry_after=20.0)
    yield Move(f"{name}: 429", partial(give, wait))
    yield Move(f"{name}: 6130, another's copying", partial(_busy, world, request))
    yield Move(f"{name}: 400", partial(give, failed(400, "9900", "Bad parameter", offset=where, sent=True)))
    have = failed(400, "1012", "Replicated already", offset=where, sent=True)
    yield Move(f"{name}: 1012", partial(give, have))


def _come_back(world: World, request: Request) -> None:
    _give(world, request, perform(world, request))


def _give(world: World, request: Request, value: object) -> None:
    if isinstance(value, Facts) and request.verb == "replicate" and value.sent:
        world.laws.came_back(request, value)
    request.give(value)


def _give_facts(world: World, request: Request, status: int, words: str) -> None:
    _give(world, request, failed(status, "", words, offset=offset(world, request)))


def _give_call(world: World, request: Request, facts: Facts) -> None:
    """The call ends so, without the cloud having taken it; one that may not be sent ends as always."""
    if facts.sent and not may_send(world, request):
        _come_back(world, request)
    else:
        _give(world, request, facts)


def _take(world: World, request: Request, seconds: float, *, lost: bool) -> None:
    """The cloud takes the call; after so many seconds the answer comes, or the connection breaks."""
    if not may_send(world, request):
        _come_back(world, request)
        return
    facts = arrive(world, request)
    _later(world, request, seconds, Facts(sent=True, failure="connection reset") if lost else facts)


def _later(world: World, request: Request, seconds: float, value: object) -> None:
    if not seconds:
        _give(world, request, value)
        return
    request.hangs = True

    def come() -> None:
        if request.is_open and not request.process.over:
            _give(world, request, value)

    world.plan(seconds, come)


def answer_later(world: World, request: Request, seconds: float) -> None:
    """It takes effect now, and comes back after a while."""
    _later(world, request, seconds, perform(world, request))


def _lose_answer(world: World, request: Request) -> None:
    perform(world, request)
    request.give(UnavailableError("no answer"))


def _done_later(world: World, request: Request) -> None:
    """The request is under way in the network when the client gives it up."""
    world.plan(8.0, partial(perform, world, request))
    request.give(UnavailableError("no answer"))


def _touch_before(world: World, request: Request) -> None:
    body = world.api.objects.get((request.what["namespace"], request.what["name"]))
    if body is not None:
        world.api.touch(body)
    _come_back(world, request)


def _api_away(world: World, request: Request) -> None:
    world.api_away_until = world.time + AWAY
    request.give(UnavailableError("away"))


def _refuse_token(world: World, request: Request) -> None:
    """The token has run out; somebody puts a new one into the Secret half a minute later."""
    world.refused_versions.add(request.what["credential"].version)
    _come_back(world, request)

    def renew() -> None:
        world.api.secret_version += 1

    world.plan(30.0, renew)


def _busy(world: World, request: Request) -> None:
    world.cloud.busy_until = world.time + SLOW
    _come_back(world, request)


# ------------------------------------------------------------------------------------------------ from outside


def _from_outside(world: World) -> Iterator[Move]:
    """What machines and people may do at any moment."""
    leading = [each for each in world.processes if each.runs and not each.leaving]
    if world.made_processes < MOST_PROCESSES:
        for process in leading:
            yield from _ends_of_process(world, process)
        if len(leading) == 1:
            yield Move("a second operator leads, too", world.start)
    if not world.people:
        return
    for process in leading:
        if process.sweepers:
            yield Move(f"{process.name} sweeps", process.sweep)
    for body in world.api.objects.values():
        yield from _done_to(world, body)
    if world.api.made < 2:
        yield Move("b is created", partial(world.create, "b"))


def _ends_of_process(world: World, process: Process) -> Iterator[Move]:
    """How a process may end, or seem to. What would lead to the same as one move earlier is left out."""
    requests = sorted((each for each in process.requests if each.is_open), key=lambda each: each.number)
    acting = next((each for each in requests if each.verb in ("patch_status", "replicate", "delete")), None)
    if world.has_moved or len(world.processes) > 1:
        yield Move(f"{process.name} is killed", partial(_kill, world, process, None))
    if acting is not None and not acting.hangs:
        yield Move(f"{process.name} is killed after its {acting.verb}", partial(_kill, world, process, acting))
        yield Move(f"{process.name} freezes, another leads", partial(_freeze, world, process))
    if len(process.engine._calls):  # else it is over at once, as if it were killed
        yield Move(f"{process.name} is told to stop", partial(_stop, world, process))


def _kill(world: World, process: Process, acting: Request | None) -> None:
    if acting is not None:
        perform(world, acting)
    world.laws.died(process)
    process.kill()
    world.start()


def _stop(world: World, process: Process) -> None:
    process.tell_to_stop()
    world.start()


def _freeze(world: World, process: Process) -> None:
    process.frozen_until = world.time + FROZEN
    world.start()


def _done_to(world: World, body: Json) -> Iterator[Move]:
    name = body["metadata"]["name"]
    yield Move(f"{name} is deleted", partial(world.api.remove, body))
    if world.api.made < 4:
        yield Move(f"{name} is deleted and created anew", partial(_recreate, world, body))
    if not body["spec"].get("suspend"):
        yield Move(f"{name} is suspended for a while", partial(_suspend, world, body))


def _recreate(world: World, body: Json) -> None:
    world.api.remove(body)
    world.create(body["metadata"]["name"])


def _suspend(world: World, body: Json) -> None:
    world.api.edit(body, suspend=True)
    key = body["metadata"]["namespace"], body["metadata"]["name"]

    def resume() -> None:
        now = world.api.objects.get(key)
        if now is not None:
            world.api.edit(now, suspend=False)

    world.plan(30.0, resume)


# --------------------------------------------------------------------------- what the protocol assumes not to happen


def send_after_freezing(world: World, request: Request) -> None:
    """The process is frozen after it checked that it may send, and sends when it goes on (assumption 1)."""
    if not may_send(world, request):
        raise AssertionError("it may send, or this is another story")
    request.hangs = True
    _freeze(world, request.process)
    world.plan(FROZEN, lambda: _give(world, request, arrive(world, request)))
