"""Everything that may happen next. The first move of a list is what happens when nothing goes wrong; it costs nothing.

All others cost one: the explorer takes every way through a story with up to so many of them.
"""

from functools import partial

from cbr_operator.kinds.connection import CONNECTIONS
from model.ends import come_back, ends_of, give, name_of
from model.move import AWAY, Move
from model.outside import FROZEN, freeze, from_outside
from model.process import Process, Request, Watch
from model.servers import arrive, may_send
from model.world import World


def moves(world: World) -> list[Move]:
    """All that may happen now; empty when every object has come to its end and nobody has anything to do."""
    turn = _turn(world)
    return [*turn, *from_outside(world)] if turn else []


def _turn(world: World) -> list[Move]:
    """Whose turn it is: a request that comes back, else news that arrive, else time that passes."""
    queue = world.queue()
    news = [
        (process, watch)
        for process in world.processes
        for watch in process.watches.values()
        if process.runs and watch.news and watch.held_until <= world.time
    ]
    if queue:
        first, *others = queue
        return [
            *ends_of(world, first),
            *(Move(f"{name_of(each)} comes first", partial(come_back, world, each)) for each in others),
            *(Move(f"{_told(*each)} first", partial(world.deliver, *each)) for each in news),
        ]
    if news:
        process, watch = news[0]
        what = _told(process, watch)
        return [
            Move(what, partial(world.deliver, process, watch), cost=0),
            Move(f"news to {process.name} are late", partial(_hold, world, watch)),
            Move(f"news to {process.name} are lost", watch.news.popleft),
        ]
    waits = any(each.has_news or each.frozen_until > world.time or each.leaving for each in world.processes)
    if world.has_ended() and not (waits or world.plans or world.laws.calls):
        return []
    return [Move("time passes", world.pass_time, cost=0)]


def _told(process: Process, watch: Watch) -> str:
    about = " of the connection" if watch.news[0][1]["kind"] == CONNECTIONS.kind else ""
    return f"news{about} reach {process.name}"


def _hold(world: World, watch: Watch) -> None:
    watch.held_until = world.time + AWAY


# --------------------------------------------------------------------------- what the protocol assumes not to happen


def send_after_freezing(world: World, request: Request) -> None:
    """The process is frozen after it checked that it may send, and sends when it goes on (assumption 1)."""
    if not may_send(world, request):
        raise AssertionError("it may send, or this is another story")
    request.hangs = True
    freeze(world, request.process)
    world.plan(FROZEN, lambda: give(world, request, arrive(world, request)))
