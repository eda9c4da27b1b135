"""Intent → call → result: the only code path that sends (protocol, section 2).

It awaits nothing but the ports, so that it can be driven step by step.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.publish import Publisher, about
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.ports import Clock, Cloud, Credential, Facts
from cbr_operator.rules.access import authority_of
from cbr_operator.rules.answers import Verdict, is_ambiguous, judge, took_credential, without_key_id
from cbr_operator.rules.results import Try
from cbr_operator.rules.view import Decision, Submit

logger = logging.getLogger(__name__)

SEND_BY = 5.0
"""Seconds from before the intent was written within which the call must start: no resolver gives up that soon."""


class Answered(Protocol):
    """What the cloud said to a credential: whether it is refused for good; None: that tells nothing of it."""

    def __call__(
        self, credential: Credential, *, refused: bool, project_id: str, ambiguous: bool = False
    ) -> bool | None:
        """Take note of it."""


def _is_refused(
    credential: Credential,  # noqa: ARG001 - as Answered asks
    *,
    refused: bool,
    project_id: str,  # noqa: ARG001
    ambiguous: bool = False,  # noqa: ARG001
) -> bool:
    """Of a token that only a person renews."""
    return refused


class Submitter:
    """Makes calls, each as a task of its own, and keeps their answers until they are written."""

    def __init__(  # noqa: PLR0913 - each a part of the engine
        self,
        *,
        cloud: Cloud,
        clock: Clock,
        clocks: CloudClocks,
        publisher: Publisher,
        may_send: Callable[[], bool],
        count: Callable[[str], None],
        answered: Answered = _is_refused,
    ) -> None:
        """``answered`` is told whether the cloud took a credential, and says whether it was refused for good."""
        self._cloud = cloud
        self._clock = clock
        self._clocks = clocks
        self._publisher = publisher
        self._may_send = may_send
        self._count = count
        self._answered = answered
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, replication: Replication, decision: Decision, action: Submit, over: Callable[[], None]) -> None:
        """Begin a submission; ``over`` is called when it has ended, in whatever way."""
        task = asyncio.create_task(self._submit(replication, decision, action))
        self._tasks.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            over()
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("A submission ended in an error of our own", exc_info=error, extra=about(replication))

        task.add_done_callback(end)

    async def drain(self, seconds: float) -> int:
        """Wait for the calls under way and their answers to be written; the number that had to be left behind."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        return len(self._tasks)

    async def _submit(self, replication: Replication, decision: Decision, action: Submit) -> None:
        started = self._clock.boottime()

        def may_send() -> bool:
            return self._clock.boottime() - started <= SEND_BY and self._may_send()

        if decision.status is None:
            raise AssertionError("a submission without the status of its intent")
        if not self._may_send():
            return  # leaving: an intent without a call would only have to be resolved
        written = await self._publisher.intend(replication, decision.status)
        if written is None:
            return
        facts = await self._cloud.replicate(
            target=action.intent.target, request=action.request, credential=action.credential, may_send=may_send
        )
        self._clocks.learn(authority_of(action.intent.target.endpoint, action.credential.route.vouched_by), facts)
        was_unknown = action.intent.first_unknown_at is not None
        facts = without_key_id(action.credential, facts)
        verdict = judge(facts, token=action.credential.token, was_unknown=was_unknown)
        if took_credential(facts) is not None:
            for_good = self._answered(
                action.credential,
                refused=verdict.reason is Reason.AUTHENTICATION_FAILED,  # by its code, too
                project_id=action.intent.target.project_id,
                ambiguous=is_ambiguous(facts),
            )
            verdict = replace(verdict, for_good=bool(for_good))
        self._count(verdict.outcome.value)
        _log(written, facts, verdict)
        ended = self._clock.now()
        tried = Try(action.intent, verdict, action.credential.version, ended, self._clock.chance())
        await self._publisher.record(written, tried)


def _log(replication: Replication, facts: Facts, verdict: Verdict) -> None:
    """Every answer is logged before it is written, with all ids that are read: this line is the last resort."""
    answer = verdict.answer
    backups, omitted = (answer.backups, answer.omitted) if answer is not None else ((), 0)
    logger.info(
        "The call came to %s%s",
        verdict.outcome.value,
        f": {verdict.said}" if verdict.said else "",
        extra={
            **about(replication),
            "http_status": facts.status,
            "request_id": verdict.request_id,
            "replication_records": {each.backup_id: each.replication_record_id for each in backups},
            **({"replication_records_beyond": omitted} if omitted else {}),
        },
    )
