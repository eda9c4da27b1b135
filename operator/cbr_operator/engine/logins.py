"""Tokens from logins at IAM: one a connection and project, in memory alone, shared by all who use it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cbr_operator.engine.rooms import Rooms
from cbr_operator.ports import Clock, Cloud, LoginRequest
from cbr_operator.rules.logins import RENEW_AFTER, LoginFailure, Token, judge_login

logger = logging.getLogger(__name__)

DOUBTED_AFTER = 600.0
"""Seconds from a login until an ambiguous refusal of its token is a reason for another."""

LOGINS_AT_ONCE = 16
LOGINS_AN_ENDPOINT = 8
LOGINS_A_NAMESPACE = 4

Owner = tuple[str, str]
"""Uid of the connection, and project."""


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no token, and when there may be one."""

    failure: LoginFailure
    again: float
    """Seconds until the next login."""
    until: datetime
    """The same moment, by the wall clock."""


@dataclass(slots=True)
class _Login:
    """What is known of one owner's logins, with one version of its credential."""

    version: str
    own: bool
    """For the connection's own project, and not for another that an object names."""
    token: Token | None = None
    obtained: float = 0.0
    after_refusal: bool = False
    """The token before it was refused by the cloud, and this one has not been seen to work yet."""
    failure: LoginFailure | None = None
    failures: int = 0
    """In a row."""
    not_before: float = 0.0
    """No login before this, on the clock that never jumps."""
    until: datetime | None = None
    task: asyncio.Task[None] | None = None


class Logins:
    """Logs in, renews at 80 % of a token's life, once more after the cloud refused one, and backs off when refused.

    ``ended`` is called with the connection's uid whenever a login has ended.
    """

    def __init__(self, *, cloud: Cloud, clock: Clock, ended: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._clock = clock
        self._ended = ended
        self._logins: dict[Owner, _Login] = {}
        self._rooms = Rooms(in_all=LOGINS_AT_ONCE, an_origin=LOGINS_AN_ENDPOINT, a_namespace=LOGINS_A_NAMESPACE)

    def get(self, request: LoginRequest, version: str, *, own: bool) -> Token | Refused | asyncio.Task[None]:
        """A token for this request's project, why there is none, or the login under way that will tell.

        ``version`` of the credential: another one is a reason for a new login, and ends a back-off. ``own``: for the
        connection's own project. Refused logins for others, which objects may name at will, share one back-off, so
        that nobody can lock the connection's user by naming many.
        """
        owner = request.route.connection, request.project_id
        login = self._logins.get(owner)
        if login is None or login.version != version:
            if login is not None and login.task is not None:
                return login.task  # with the credential of before; whoever waits for it asks again
            login = self._logins[owner] = self._begin(owner, version, own=own)
        now = self._clock.boottime()
        if login.task is None and self._is_due(login, now) and now >= login.not_before:
            login.task = asyncio.create_task(self._log_in(owner, login, request))
        if login.token is not None and now < login.obtained + login.token.life:
            return login.token
        if login.task is not None:
            return login.task
        if login.failure is None or login.until is None:
            raise AssertionError("without a token and without a login there was a failure")
        return Refused(login.failure, login.not_before - now, login.until)

    def hold(self, request: LoginRequest, version: str, until: datetime) -> None:
        """Let there be no login before this moment unless the version changes: so an earlier process has left word."""
        owner = request.route.connection, request.project_id
        if owner in self._logins:
            return
        left = (until - self._clock.now()).total_seconds()
        failure = LoginFailure("The login was refused before the operator was started.", refused=True)
        self._logins[owner] = _Login(
            version, own=True, failure=failure, failures=1, not_before=self._clock.boottime() + left, until=until
        )

    def answered(self, owner: Owner, token: str, *, refused: bool, ambiguous: bool = False) -> bool | None:
        """Take note of what the cloud said to a token; whether it was refused for good, None where nobody logs in.

        The first refusal of a token that had worked ends it, and a new login is made. A token fresh from that which
        is refused as well is refused for good. An ``ambiguous`` refusal is for good never, and ends no young token:
        else an object that names what does not exist would have logins made for ever.
        """
        login = self._logins.get(owner)
        if login is None:
            return None
        if login.token is None or login.token.value != token:
            return False  # another one has been there before, and a new token is there or on its way
        if not refused:
            login.after_refusal = False
            return False
        if ambiguous and self._clock.boottime() - login.obtained < DOUBTED_AFTER:
            return False
        if login.after_refusal and not ambiguous:
            return True
        login.token = None
        login.after_refusal = not ambiguous
        return False

    def renews_in(self, owner: Owner) -> float | None:
        """Seconds until its token is renewed; None where there is none."""
        login = self._logins.get(owner)
        if login is None or login.token is None:
            return None
        return max(login.not_before, login.obtained + RENEW_AFTER * login.token.life) - self._clock.boottime()

    def forget(self, connection: str) -> None:
        """A connection is gone, and its tokens with it."""
        for owner in [each for each in self._logins if each[0] == connection]:
            login = self._logins.pop(owner)
            if login.task is not None:
                login.task.cancel()

    async def close(self) -> None:
        """End the logins under way."""
        tasks = [login.task for login in self._logins.values() if login.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, owner: Owner, version: str, *, own: bool) -> _Login:
        """A login without a past of its own; one for a foreign project takes over the back-off of the others."""
        login = _Login(version, own=own)
        for (connection, _), other in self._logins.items():
            refused = other.failure is not None and other.failure.refused and other.version == version
            foreign = connection == owner[0] and not own and not other.own
            if foreign and refused and other.not_before > login.not_before:
                login.failure, login.failures = other.failure, other.failures
                login.not_before, login.until = other.not_before, other.until
        return login

    def _is_due(self, login: _Login, now: float) -> bool:
        return login.token is None or now >= login.obtained + RENEW_AFTER * login.token.life

    async def _log_in(self, owner: Owner, login: _Login, request: LoginRequest) -> None:
        try:
            async with self._rooms.room(request.endpoint, request.route.namespace):
                started = self._clock.boottime()
                answer = await self._cloud.log_in(request)
            found = judge_login(answer, request, now=self._clock.now())
            if isinstance(found, Token):
                login.token, login.obtained, login.failure, login.failures = found, started, None, 0
                login.not_before = started
            else:
                self._fail(login, found)
        except Exception:
            logger.exception("A login met a defect of the operator; it is tried again later")
            self._fail(login, LoginFailure("The login failed: the operator could not read the answer.", refused=False))
        finally:
            login.task = None
            self._ended(owner[0])

    def _fail(self, login: _Login, failure: LoginFailure) -> None:
        login.failure, login.failures = failure, login.failures + 1
        pause = failure.pause(login.failures)
        login.not_before = self._clock.boottime() + pause
        login.until = self._clock.now() + timedelta(seconds=pause)
