"""What machines and people may do at any moment."""

from collections.abc import Iterator
from functools import partial

from cbr_operator.ports import Json
from model.move import Move
from model.process import PROXY, Process, Request
from model.servers import perform
from model.spelling import ENDPOINT, OTHER_ENDPOINT
from model.world import World

FROZEN = 300.0
"""Seconds that a process is frozen, when it is: longer than a call takes to be resolved."""
A_WHILE = 30.0
"""Seconds until people have undone what they did."""
MOST_PROCESSES = 4


def from_outside(world: World) -> Iterator[Move]:
    """What machines and people may do at any moment."""
    leading = [each for each in world.processes if each.runs and not each.leaving]
    if world.made_processes < MOST_PROCESSES:
        for process in leading:
            yield from _ends_of_process(world, process)
        if len(leading) == 1:
            yield Move("a second operator leads, too", world.start)
    for body in world.api.connections.values():
        yield from _done_to_connection(world, body)
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
        yield Move(f"{process.name} freezes, another leads", partial(freeze, world, process))
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


def freeze(world: World, process: Process) -> None:
    """It stands still for a while, and another one leads."""
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

    world.plan(A_WHILE, resume)


def _done_to_connection(world: World, body: Json) -> Iterator[Move]:
    """What people do to what the objects go through; without a connection these would wait for a day."""
    spec, edit = body["spec"], partial(world.api.edit, body)
    other = OTHER_ENDPOINT if spec["endpoint"] == ENDPOINT else ENDPOINT
    yield Move("the connection is led to another endpoint", partial(edit, endpoint=other))
    if "proxyURL" in spec:
        yield Move("the connection's proxy is taken away", partial(edit, proxyURL=None))
    else:
        yield Move("the connection is given a proxy", partial(edit, proxyURL=PROXY))
    yield Move("the connection is deleted and made anew", partial(_reconnect, world, body, 0.0))
    yield Move("the connection is gone for a while", partial(_reconnect, world, body, A_WHILE))


def _reconnect(world: World, body: Json, seconds: float) -> None:
    world.api.remove(body)
    connect = partial(world.api.connect, body["spec"])
    if seconds:
        world.plan(seconds, lambda: connect(time=world.time))
    else:
        connect(time=world.time)
