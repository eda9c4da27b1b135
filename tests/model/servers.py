"""What the two servers make of a request when it reaches them."""

from typing import Any

from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.ports import Facts, KubeError, Page
from model.cloud import answered, date_offset, failed
from model.process import Request
from model.spelling import caller_of
from model.times import FIRST_MOMENT, NOON
from model.world import World


def perform(world: World, request: Request) -> Any:
    """The request takes effect; what would come back, an error of the port as a value."""
    try:
        return _PERFORMED[request.verb](world, request)
    except KubeError as error:
        return error


def _list(world: World, request: Request) -> Page:
    return Page(tuple(world.api.all_of(request.what["kind"]).values()), world.api.version)


def _get(world: World, request: Request) -> Any:
    return world.api.get(request.what["kind"], request.what["namespace"], request.what["name"])


def _read_secret(world: World, request: Request) -> Any:
    return world.api.read_secret()


def _patch_status(world: World, request: Request) -> Any:
    kind, namespace, name = (request.what[each] for each in ("kind", "namespace", "name"))
    before = world.api.get(kind, namespace, name)
    after = world.api.patch_status(kind, namespace, name, request.what["patch"])
    if kind == REPLICATIONS.kind:
        world.laws.wrote(before, after)
    return after


def _delete(world: World, request: Request) -> None:
    what = request.what
    world.api.delete(what["kind"], what["namespace"], what["name"], uid=what["uid"], version=what["version"])


def offset(world: World, request: Request) -> float | None:
    """What the Date header of an answer tells of the process's clock."""
    if not world.traits.has_date:
        return None
    return date_offset(world.time, world.time + request.process.skew)


def is_refused(world: World, request: Request) -> bool:
    """Whether the cloud takes this token no longer."""
    return request.what["credential"].token in world.refused_tokens


def _list_backups(world: World, request: Request) -> Facts:
    world.cloud.reads += 1
    world.laws.looked(request)
    if is_refused(world, request):
        return failed(401, "", "The token must be updated.", offset=offset(world, request))
    body = world.cloud.backups(time=world.time, limit=request.what["limit"])
    return answered(200, body, offset=offset(world, request))


def _list_operation_logs(world: World, request: Request) -> Facts:
    world.cloud.reads += 1
    world.laws.looked(request)
    if not world.traits.has_log:
        return failed(404, "", "There is no such path.", offset=offset(world, request))
    since = request.what["since"]
    body = world.cloud.log(time=world.time, since=FIRST_MOMENT + (since - NOON).total_seconds())
    return answered(200, body, offset=offset(world, request))


def _replicate(world: World, request: Request) -> Facts:
    """The call reaches the cloud, if the process still lets it go."""
    if not may_send(world, request):
        return Facts(sent=False, late=True, failure="the time to send had passed")
    return arrive(world, request)


def may_send(world: World, request: Request) -> bool:
    """The body's writer asks whether it may still send; when it does, the call is on its way."""
    if not request.what["may_send"]():
        return False
    world.laws.sent(request)
    return True


def arrive(world: World, request: Request) -> Facts:
    """The cloud takes the call, or refuses it."""
    if is_refused(world, request):
        return failed(401, "", "The token must be updated.", offset=offset(world, request), sent=True)
    if world.cloud.is_busy(world.time):
        return failed(409, "6130", "The vault is being replicated.", offset=offset(world, request), sent=True)
    uid = caller_of(request.what["target"].vault_id)
    ids = world.cloud.take(uid, time=world.time)
    world.laws.taken(uid)
    return answered(202, world.cloud.answer(ids), offset=offset(world, request), sent=True)


_PERFORMED = {
    "list": _list,
    "get": _get,
    "read_secret": _read_secret,
    "patch_status": _patch_status,
    "delete": _delete,
    "list_backups": _list_backups,
    "list_operation_logs": _list_operation_logs,
    "replicate": _replicate,
}
