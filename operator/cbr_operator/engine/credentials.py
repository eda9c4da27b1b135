"""What authenticates calls: from Secrets, from connections, and what the cloud said of it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from cbr_operator.engine.logins import Logins, Refused
from cbr_operator.engine.secrets import Readings, SecretReader
from cbr_operator.kinds.connection import Connection, ConnectionKey
from cbr_operator.kinds.connection_spec import ConnectionSpec
from cbr_operator.kinds.reasons import Reason
from cbr_operator.ports import Clock, Cloud, Credential, Kube, LoginRequest
from cbr_operator.rules.connections import connection_owner, unusable, url_refusal
from cbr_operator.rules.credentials import (
    SECRET_AGAIN,
    NotReady,
    Usable,
    as_problem,
    ca_of,
    ca_place,
    key_credential,
    login_of,
    own_project,
    route_of,
    secret_place,
    token_credential,
    unreadable,
    version_of,
)
from cbr_operator.rules.view import CredentialSource, Policy, ReadSecret, SecretProblem

MOST_BAD_SIGNATURES = 3
"""In a row with one access key: after more than five the cloud locks it for five minutes."""

Found = Usable | NotReady
Pending = asyncio.Task[None]


@dataclass(slots=True)
class _State:
    """What the cloud has said to one version of a connection's credential."""

    refusals: int = 0
    """In a row."""
    refused: bool = False
    """For good: only another version can mend it."""
    worked: bool = False
    """The cloud has taken it."""
    trial: asyncio.Lock = field(default_factory=asyncio.Lock)


class Credentials:
    """Gets credentials, shared by all who use the same.

    ``moved`` is called with a connection's uid when it has become ready, or unready, or has another credential.
    """

    def __init__(
        self,
        *,
        kube: Kube,
        cloud: Cloud,
        clock: Clock,
        policy: Policy,
        connections: Callable[[ConnectionKey], Connection | None],
        moved: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._connections = connections
        self._moved = moved
        self._secrets = SecretReader(kube=kube, clock=clock)
        self._config_maps = Readings(kube.read_config_map, clock)
        self._logins = Logins(cloud=cloud, clock=clock, ended=moved)
        self._states: defaultdict[tuple[str, str], _State] = defaultdict(_State)
        self._told: dict[str, str] = {}

    # ------------------------------------------------------------------------------------------ getting them

    async def get(self, source: CredentialSource) -> Credential | SecretProblem:
        """The credential, or what keeps it from being one; waits for a login that is under way."""
        while True:
            found = await self.get_now(source)
            if not isinstance(found, asyncio.Task):
                return found
            await asyncio.wait({found})

    async def get_now(self, source: CredentialSource) -> Credential | SecretProblem | Pending:
        """The same, or the login under way; its end moves the connection."""
        if isinstance(source, ReadSecret):
            return await self._secrets.read(source)
        connection = self._connections(source.key)
        if connection is None:
            why, _ = unusable(source.key, None, region="")
            return SecretProblem(why, reason=Reason.WAITING_FOR_CONNECTION)
        found = await self.of(connection, source.project_id)
        if isinstance(found, NotReady):
            # What concerns another project than its own is nothing that the connection's controller looks at.
            again = None if self._is_own(connection, source.project_id) else found.again
            return replace(as_problem(connection, found), again=again)
        return found.credential if isinstance(found, Usable) else found

    async def of(self, connection: Connection, project_id: str = "") -> Found | Pending:
        """What a connection offers for calls in a project; without one, in its own."""
        found = await self._find(connection, project_id)
        if isinstance(found, asyncio.Task) or not self._is_own(connection, project_id):
            return found
        uid = connection.metadata.uid
        told = found.credential.version if isinstance(found, Usable) else found.reason.value
        before, self._told[uid] = self._told.get(uid, told), told
        if before != told:
            self._moved(uid)
        return found

    def _is_own(self, connection: Connection, project_id: str) -> bool:
        return connection.spec is None or project_id in ("", connection.spec.project_id)

    async def _find(self, connection: Connection, project_id: str) -> Found | Pending:
        spec = connection.spec
        if spec is None:
            text = f"The spec cannot be read: {connection.spec_error}. Mend it."
            return NotReady(Reason.INVALID_SPEC, text, for_a_person=True, again=None)
        refused = url_refusal(spec, self._policy.allowed_endpoints, self._policy.addresses)
        if refused:
            text = f"{refused} Change it, or ask the operator's administrator (CBR_OPERATOR_ALLOWED_ENDPOINTS)."
            return NotReady(Reason.ENDPOINT_NOT_ALLOWED, text, for_a_person=True, again=None)
        ca = await self._ca(connection, spec)
        return ca if isinstance(ca, NotReady) else await self._with_secret(connection, spec, ca, project_id)

    async def _ca(self, connection: Connection, spec: ConnectionSpec) -> str | NotReady:
        named = ca_place(connection, spec, operator_namespace=self._policy.operator_namespace)
        if named is None:
            return ""
        place, key = named
        read = self._config_maps.read if place.kind == "ConfigMap" else self._secrets.reading
        reading = await read(namespace=place.namespace, name=place.name)
        if reading.failure:
            return unreadable(place, reading.failure, Reason.CA_BUNDLE_NOT_FOUND)
        return ca_of(reading.secret, place, key)

    async def _with_secret(
        self, connection: Connection, spec: ConnectionSpec, ca: str, project_id: str
    ) -> Found | Pending:
        place = secret_place(connection, spec, operator_namespace=self._policy.operator_namespace)
        reading = await self._secrets.reading(namespace=place.namespace, name=place.name)
        if reading.failure:
            return unreadable(place, reading.failure, Reason.SECRET_NOT_FOUND)
        secret, route = reading.secret, route_of(connection, spec, ca)
        if spec.auth.token is not None:
            key, now = spec.auth.token.secret_ref.key, self._clock.now()
            return token_credential(connection, key, secret, place=place, route=route, now=now)
        if spec.auth.access_key is not None:
            return key_credential(connection, secret, place=place, route=route)
        request = login_of(spec, secret, place=place, route=route, project_id=project_id or spec.project_id)
        if isinstance(request, NotReady) or secret is None:
            return request if isinstance(request, NotReady) else unreadable(place, "", Reason.SECRET_NOT_FOUND)
        return self._log_in(connection, request, version_of(connection, secret), own=spec.project_id)

    def _log_in(self, connection: Connection, request: LoginRequest, version: str, *, own: str) -> Found | Pending:
        said = connection.status
        if said.next_login_time is not None and said.credential_version == version and request.project_id == own:
            self._logins.hold(request, version, said.next_login_time)
        found = self._logins.get(request, version, own=request.project_id == own)
        if isinstance(found, asyncio.Task):
            return found
        if isinstance(found, Refused):
            when = "at status.nextLoginTime" if request.project_id == own else "after a while"
            return NotReady(
                Reason.LOGIN_FAILED,
                f"{found.failure.said} It is tried again {when}, and at once when the connection, or its Secret, "
                "changes.",
                for_a_person=found.failure.refused,
                again=min(found.again, SECRET_AGAIN),  # a new password is not to wait for that
                version=version if found.failure.refused else "",
                next_login=found.until,
            )
        owner = connection_owner(connection.metadata.uid)
        project_id = own_project(connection)
        credential = Credential(owner, version, found.value, route=request.route, project_id=project_id)
        return Usable(credential, found.expires_at)

    # -------------------------------------------------------------------------------- what the cloud says of them

    def answered(
        self, credential: Credential, *, refused: bool, project_id: str, ambiguous: bool = False
    ) -> bool | None:
        """Take note of what the cloud said to a credential; whether it was refused for good.

        Then only another version of it, of its Secret or its connection, can mend that. Otherwise a new login may,
        or signing anew. None: the refusal tells nothing of the credential, which others go on with. So it is when it
        came for another project than the connection's own, or in a form that is seen for what does not exist
        (``ambiguous``): objects name projects and vaults as they like.
        """
        uid = credential.route.connection
        if not uid:
            return refused
        if refused and (ambiguous or project_id != credential.project_id):
            self._logins.answered((uid, project_id), credential.token, refused=True, ambiguous=ambiguous)
            return None
        state = self._states[uid, credential.version]
        state.worked = not refused if credential.access_key is not None else state.worked or not refused
        state.refusals = state.refusals + 1 if refused else 0
        after_login = self._logins.answered((uid, project_id), credential.token, refused=refused)
        if credential.access_key is not None:
            for_good = state.refusals >= MOST_BAD_SIGNATURES
        else:
            for_good = refused if after_login is None else after_login
        if for_good != state.refused:
            state.refused = for_good
            self._moved(uid)
        return for_good

    def standing(self, credential: Credential) -> bool | None:
        """Whether the cloud takes this version; False: it refused it for good; None: nothing is known yet."""
        state = self._states.get((credential.route.connection, credential.version))
        if state is None or not (state.refused or state.worked):
            return None
        return not state.refused

    def is_untried(self, credential: Credential) -> bool:
        """Whether it is an access key that the cloud has not taken yet: bad signatures are counted there."""
        if credential.access_key is None:
            return False
        state = self._states.get((credential.route.connection, credential.version))
        return state is None or not state.worked

    @asynccontextmanager
    async def trial(self, credential: Credential) -> AsyncIterator[bool]:
        """Let calls with an access key that is untried go one at a time; False: by now it is refused for good."""
        if not self.is_untried(credential):
            yield True
            return
        async with self._states[credential.route.connection, credential.version].trial:
            yield self.standing(credential) is not False

    # ------------------------------------------------------------------------------------------------ their end

    def renews_in(self, connection: Connection) -> float | None:
        """Seconds until the token of a connection's own project is renewed; None where nobody renews it."""
        project_id = connection.spec.project_id if connection.spec is not None else ""
        return self._logins.renews_in((connection.metadata.uid, project_id))

    def forget(self, uid: str) -> None:
        """A connection is gone, and what it authenticated with."""
        self._told.pop(uid, None)
        self._logins.forget(uid)
        for key in [each for each in self._states if each[0] == uid]:
            del self._states[key]

    async def close(self) -> None:
        """End what is under way."""
        await self._logins.close()
