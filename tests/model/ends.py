"""How requests come back: as they should, or in one of the ways in which they may fail."""

from collections.abc import Iterator
from functools import partial

from cbr_operator.kinds.connection import CONNECTIONS
from cbr_operator.ports import Facts, RefusedError, UnavailableError
from model.cloud import failed
from model.move import AWAY, Move
from model.process import Request
from model.servers import arrive, is_refused, may_send, offset, perform
from model.world import World

ANSWER_TIMEOUT = 60.0
SLOW = 40.0


def name_of(request: Request) -> str:
    """As moves are told."""
    about = " of the connection" if request.what.get("kind") == CONNECTIONS.kind else ""
    return f"{request.process.name}'s {request.verb}{about}"


def ends_of(world: World, request: Request) -> Iterator[Move]:
    """How a request may come back."""
    name = name_of(request)
    if request.verb == "replicate":
        yield from _ends_of_call(world, request, name)
        return
    if request.verb in ("list_backups", "list_operation_logs"):
        yield Move(f"{name}: answered", partial(come_back, world, request), cost=0)
        yield Move(f"{name}: 503", partial(_give_facts, world, request, 503, "The service is busy."))
        if not is_refused(world, request):
            yield Move(f"{name}: the token is refused from now on", partial(_refuse_token, world, request))
        return
    if world.api_away_until > world.time:
        yield Move(f"{name}: the API server is away", partial(request.give, UnavailableError("away")), cost=0)
        return
    yield Move(f"{name}: done", partial(come_back, world, request), cost=0)
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
    give_call = partial(_give_call, world, request)
    yield Move(f"{name}: answered", partial(come_back, world, request), cost=0)
    yield Move(f"{name}: no connection", partial(give_call, Facts(sent=False, failure="connection refused")))
    yield Move(f"{name}: taken, the answer is lost", partial(_take, world, request, 0.0, lost=True))
    yield Move(f"{name}: taken, no answer comes", partial(_take, world, request, ANSWER_TIMEOUT, lost=True))
    yield Move(f"{name}: taken, the answer is slow", partial(_take, world, request, SLOW, lost=False))
    yield Move(f"{name}: lost on its way", partial(give_call, Facts(sent=True, failure="connection reset")))
    where = offset(world, request)
    yield Move(f"{name}: 502, not taken", partial(give_call, failed(502, "", "Bad gateway", offset=where, sent=True)))
    yield Move(f"{name}: the token is refused from now on", partial(_refuse_token, world, request))
    wait = failed(429, "", "Too many requests", offset=where, sent=True, retry_after=20.0)
    yield Move(f"{name}: 429", partial(give_call, wait))
    yield Move(f"{name}: 6130, another's copying", partial(_busy, world, request))
    yield Move(f"{name}: 400", partial(give_call, failed(400, "9900", "Bad parameter", offset=where, sent=True)))
    have = failed(400, "1012", "Replicated already", offset=where, sent=True)
    yield Move(f"{name}: 1012", partial(give_call, have))


def come_back(world: World, request: Request) -> None:
    """It takes effect, and comes back with what came of that."""
    give(world, request, perform(world, request))


def give(world: World, request: Request, value: object) -> None:
    """It comes back with this; the laws take note of what a call came to."""
    if isinstance(value, Facts) and request.verb == "replicate" and value.sent:
        world.laws.came_back(request, value)
    request.give(value)


def _give_facts(world: World, request: Request, status: int, words: str) -> None:
    give(world, request, failed(status, "", words, offset=offset(world, request)))


def _give_call(world: World, request: Request, facts: Facts) -> None:
    """The call ends so, without the cloud having taken it; one that may not be sent ends as always."""
    if facts.sent and not may_send(world, request):
        come_back(world, request)
    else:
        give(world, request, facts)


def _take(world: World, request: Request, seconds: float, *, lost: bool) -> None:
    """The cloud takes the call; after so many seconds the answer comes, or the connection breaks."""
    if not may_send(world, request):
        come_back(world, request)
        return
    facts = arrive(world, request)
    _later(world, request, seconds, Facts(sent=True, failure="connection reset") if lost else facts)


def _later(world: World, request: Request, seconds: float, value: object) -> None:
    if not seconds:
        give(world, request, value)
        return
    request.hangs = True

    def come() -> None:
        if request.is_open and not request.process.over:
            give(world, request, value)

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
    what = request.what
    body = world.api.all_of(what["kind"]).get((what["namespace"], what["name"]))
    if body is not None:
        world.api.touch(body)
    come_back(world, request)


def _api_away(world: World, request: Request) -> None:
    world.api_away_until = world.time + AWAY
    request.give(UnavailableError("away"))


def _refuse_token(world: World, request: Request) -> None:
    """The token has run out; somebody puts a new one into the Secret half a minute later."""
    world.refused_tokens.add(request.what["credential"].token)
    come_back(world, request)

    def renew() -> None:
        world.api.secret_version += 1

    world.plan(30.0, renew)


def _busy(world: World, request: Request) -> None:
    world.cloud.busy_until = world.time + SLOW
    come_back(world, request)
