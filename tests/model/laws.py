"""What must hold at every step, whatever happens: the promises of the protocol, as the world outside sees them."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Outcome, Target
from cbr_operator.ports import EventNote, Facts, Json
from model.spelling import caller_of, is_same

if TYPE_CHECKING:
    from model.process import Process, Request
    from model.world import World

_SHOULD_NOT_BE_TAKEN = frozenset({Reason.REJECTED, Reason.SUBMISSION_DEADLINE_EXCEEDED})
"""With these a person is told that nothing was submitted."""


class BrokenLawError(AssertionError):
    """Something happened that must never happen."""


class Log(logging.Handler):
    """What the operator logs: the records of answers, and errors that it caught although nobody foresaw them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.answers: set[str] = set()
        self.defects: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.answers.update(record.__dict__.get("replication_records", {}).values())
        if record.exc_info is not None and record.levelno >= logging.ERROR:
            self.defects.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

    def clear(self) -> None:
        self.answers.clear()
        self.defects.clear()


LOG = Log()


@contextmanager
def log_kept() -> Iterator[None]:
    """While this lasts the operator's log goes to the laws, and nowhere else."""
    logger = logging.getLogger("cbr_operator")
    before = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [LOG], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.level, logger.propagate = before


@dataclass(eq=False)
class Call:
    """One call that was sent, as this process knows it."""

    process: "Process"
    uid: str
    attempt: int
    target: Target
    facts: Facts | None = None
    """What came back to the process; None: nothing yet."""
    ids: tuple[str, ...] = ()


@dataclass(eq=False)
class Laws:
    """Watches the world; ``check`` and the others raise when a law is broken."""

    world: "World"
    calls: list[Call] = field(default_factory=list)
    """Sent, and their submission not over yet."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Calls whose outcome nobody was told, by uid."""
    told_of: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))
    """Notes of all Events, by the uid that they are about."""
    broken_promises: list[str] = field(default_factory=list)
    """Assumptions of the protocol that do not hold in this story."""

    def sent(self, request: "Request") -> None:
        """A call is on its way to the cloud."""
        process, target = request.process, request.what["target"]
        uid, alone = caller_of(target.vault_id), len(self.world.processes) == 1
        for call in self.calls:
            if call.facts is None and (alone or call.process is process) and _share_a_lane(call.target, target):
                raise BrokenLawError(f"two calls at once on one vault: for {call.uid} and {uid}")
        if self.unknown[uid] > 1:
            raise BrokenLawError(f"a third call for {uid}, after two whose outcome is unknown")
        status = self._status(uid)
        if alone and status is not None:
            self._check_lane(uid, target)
            if _outcome(status) == Outcome.PENDING and _target(status) != target:
                raise BrokenLawError(f"a call for {uid} to {target}, and its status says {_target(status)}")
        route = request.what["credential"].route
        if (route.connection, route.vouched_by) != (target.connection_uid, target.vouched_by):
            raise BrokenLawError(f"a credential of {route} for a call to {target}")
        self.calls.append(Call(process, uid, (status or {}).get("submission", {}).get("attempt", 0), target))

    def _check_lane(self, uid: str, target: Target) -> None:
        for body in self.world.api.objects.values():
            is_open = _outcome(body["status"]) in (Outcome.PENDING, Outcome.UNKNOWN)
            if body["metadata"]["uid"] != uid and is_open and _share_a_lane(_target(body["status"]), target):
                raise BrokenLawError(f"a call for {uid} while the outcome of another one's is open")

    def looked(self, request: "Request") -> None:
        """A look at a vault reaches the cloud: what was called is looked at where that was."""
        target = request.what["target"]
        status = self._status(caller_of(target.vault_id))
        if len(self.world.processes) > 1 or status is None or _outcome(status) in (None, Outcome.NOT_SUBMITTED):
            return  # a process that does not know of the call yet, or a look before it
        where = _target(status).endpoint
        if request.what.get("limit") != 1 and not is_same(target.endpoint, where):  # with 1 it is one at the clock
            raise BrokenLawError(f"a look at {target.endpoint} for what was called at {where}")

    def taken(self, uid: str) -> None:
        """The cloud accepted a call."""
        if self.world.cloud.accepted[uid] > 1 and not self.broken_promises:
            raise BrokenLawError(f"the cloud accepted a second call for {uid}")

    def came_back(self, request: "Request", facts: Facts, ids: tuple[str, ...] = ()) -> None:
        """The process has been given what its call came to."""
        for call in self.calls:
            if call.process is request.process and call.facts is None:
                call.facts, call.ids = facts, ids
                self.unknown[call.uid] += not ids and (facts.status is None or facts.status >= 500)

    def died(self, process: "Process") -> None:
        """Answers that it had not written are lost with it: what it sent is unknown."""
        for call in self.calls:
            if call.process is process:
                self.unknown[call.uid] += call.facts is None or bool(call.facts.status and call.facts.status < 500)
        self.calls = [each for each in self.calls if each.process is not process]

    def told(self, note: EventNote) -> None:
        """A process posts an Event."""
        self.told_of[note.regarding["uid"]] += note.note

    def wrote(self, before: Json, after: Json) -> None:
        """A status was written."""
        uid = after["metadata"]["uid"]
        old, new = before["status"], after["status"]
        was, is_ = _succeeded(old), _succeeded(new)
        changed = (is_["status"], is_["reason"]) != (was["status"], was["reason"])
        if changed and was["status"] != "Unknown" and was["reason"] != Reason.OUTCOME_UNRESOLVED:
            raise BrokenLawError(f"{uid} had ended as {was['reason']} and is {is_['reason']} now")
        first = old.get("submission", {}).get("firstUnknownAt")
        if first is not None and new.get("submission", {}).get("firstUnknownAt") != first:
            raise BrokenLawError(f"the first unknown attempt of {uid} is forgotten")
        if not self.broken_promises:
            self._check_truth(uid, is_, new)

    def _check_truth(self, uid: str, succeeded: Json, status: Json) -> None:
        """What a person reads is so."""
        accepted = self.world.cloud.accepted[uid]
        outcome = status.get("submission", {}).get("outcome")
        if succeeded["reason"] in _SHOULD_NOT_BE_TAKEN and accepted:
            raise BrokenLawError(f"{uid} says {succeeded['reason']}, and the cloud took its call")
        if outcome == Outcome.SUBMITTED and not accepted:
            raise BrokenLawError(f"{uid} says Submitted, and the cloud took no call of it")
        ids = {each["replicationRecordID"] for each in status.get("backups", ()) if "replicationRecordID" in each}
        if outcome == Outcome.SUBMITTED and not ids <= LOG.answers:
            raise BrokenLawError(f"the answer to {uid} was written before it was logged")
        for record in self.world.cloud.records:
            if record.id in ids and record.uid != uid and outcome != Outcome.NOT_NEEDED:
                holder = self._status(record.uid)
                claimed = {each.get("replicationRecordID") for each in (holder or {}).get("backups", ())}
                if record.id in claimed and _share_a_lane(_target(status), _target(holder or {})):
                    raise BrokenLawError(f"{uid} follows {record.id}, which {record.uid} follows")

    def check(self) -> None:
        """After every step."""
        for process in self.world.processes:
            process.loop.tasks()
            if process.loop.errors or LOG.defects:
                raise BrokenLawError(f"an error of our own: {LOG.defects or process.loop.errors}")
        over = [each for each in self.calls if each.uid not in each.process.engine._calls]
        for call in over:
            self._check_kept(call)
        self.calls = [each for each in self.calls if each not in over]

    def _check_kept(self, call: Call) -> None:
        """A submission is over: what it came to stands in the status, or was told."""
        status = self._status(call.uid)
        if call.facts is None:
            raise BrokenLawError(f"the submission of {call.uid} ended before its call did")
        if status is None:
            missing = [each for each in call.ids if each not in self.told_of[call.uid]]
            if call.ids and missing:
                raise BrokenLawError(f"the answer to {call.uid}, which is deleted, was told nobody: {missing}")
            return
        submission = status.get("submission", {})
        if submission.get("outcome") == Outcome.PENDING and submission["holder"] == call.process.name:
            raise BrokenLawError(f"the answer to the call for {call.uid} was lost: its status is still Pending")
        known = {each.get("replicationRecordID") for each in status.get("backups", ())}
        if not set(call.ids) <= known:
            raise BrokenLawError(f"the answer to the call for {call.uid} was lost: {call.ids} are not in its status")

    def _status(self, uid: str) -> dict[str, Any] | None:
        for body in self.world.api.objects.values():
            if body["metadata"]["uid"] == uid:
                status: dict[str, Any] = body["status"]
                return status
        return None


def _outcome(status: Json) -> str | None:
    outcome: str | None = status.get("submission", {}).get("outcome")
    return outcome


def _target(status: Json) -> Target:
    """What was called, as a status says."""
    return Target.model_validate(status.get("submission", {}).get("target", {}))


def _share_a_lane(one: Target, other: Target) -> bool:
    """Whether calls to both are for one vault as far as anybody can know: two endpoints are taken for two clouds."""
    return is_same(one.endpoint, other.endpoint) and one.vouched_by == other.vouched_by


def _succeeded(status: Json) -> Json:
    said: list[Json] = [each for each in status.get("conditions", ()) if each["type"] == "Succeeded"]
    return said[0] if said else {"status": "Unknown", "reason": ""}
