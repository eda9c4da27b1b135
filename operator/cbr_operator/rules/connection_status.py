"""What a connection's status says, and when it is looked at again."""

from datetime import datetime, timedelta

from cbr_operator.kinds.connection import Connection
from cbr_operator.kinds.connection_status import ConnectionStatus
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.rules.conditions import FALSE, TRUE, Statement, with_ready
from cbr_operator.rules.credentials import NotReady, Usable

SOON = timedelta(hours=2)
"""How long before its end a token that nobody renews is spoken of."""
CHECK_AGAIN = 60.0
"""Seconds until a connection that is ready is looked at again, whether it is used or not."""


def status_of(connection: Connection, found: Usable | NotReady, *, now: datetime, refused: bool) -> ConnectionStatus:
    """The status that tells of this; ``refused``: the cloud does not take the credential, and no new one is there."""
    ready = _statement(connection, found, now=now, refused=refused)
    version = found.version if isinstance(found, NotReady) else (found.credential.version if refused else "")
    status = connection.status.model_copy(
        update={
            "token_expires_at": found.expires_at if isinstance(found, Usable) else _ended(connection, found),
            "credential_version": version,
            "next_login_time": found.next_login if isinstance(found, NotReady) else None,
        }
    )
    return with_ready(status, ready, generation=connection.metadata.generation, now=now)


def was_refused(connection: Connection, found: Usable | NotReady) -> bool:
    """Whether the status tells, from before this process, that the cloud does not take this very credential."""
    said = connection.status.condition(ConditionType.READY)
    return (
        said is not None
        and said.reason == Reason.AUTHENTICATION_FAILED
        and isinstance(found, Usable)
        and connection.status.credential_version == found.credential.version
    )


def check_again(found: Usable | NotReady, *, now: datetime) -> float | None:
    """Seconds until the connection is looked at again even if nothing happens."""
    if isinstance(found, NotReady):
        return found.again
    if found.expires_at is None:
        return CHECK_AGAIN
    moments = (found.expires_at - SOON - now, found.expires_at - now)
    return min([CHECK_AGAIN, *(each.total_seconds() for each in moments if each.total_seconds() > 0)])


def _ended(connection: Connection, found: NotReady) -> datetime | None:
    """What has ended is still shown."""
    return connection.status.token_expires_at if found.reason is Reason.EXPIRED else None


def _statement(connection: Connection, found: Usable | NotReady, *, now: datetime, refused: bool) -> Statement:
    if isinstance(found, NotReady):
        return Statement(FALSE, found.reason, found.message, for_a_person=found.for_a_person)
    auth = connection.spec.auth if connection.spec is not None else None
    logs_in = auth is not None and auth.password is not None
    if refused:
        return Statement(FALSE, Reason.AUTHENTICATION_FAILED, _refused(found, logs_in=logs_in), for_a_person=True)
    note = f" {found.note}" if found.note else ""
    if not logs_in and found.expires_at is not None and found.expires_at - now <= SOON:
        text = "The token ends at status.tokenExpiresAt, and nobody renews it but you: put a new one into the Secret."
        return Statement(TRUE, Reason.EXPIRES_SOON, text)
    return Statement(TRUE, Reason.VALID, f"The connection can be used.{note}")


def _refused(found: Usable, *, logs_in: bool) -> str:
    if found.credential.access_key is not None:
        return (
            "The cloud refused requests signed with this access key three times in a row, and is not asked again with "
            "it, since it locks a key after five. Put the right key into the Secret (or, if the key is right, check "
            "the clock of the operator's node, and write the Secret anew); it goes on within a minute."
        )
    if logs_in:
        return (
            "The cloud refused a token fresh from a login. Check that spec.region, spec.projectID and spec.endpoint "
            "belong together, and the user's rights; it goes on once this connection or its Secret changes."
        )
    return "The cloud refuses the token. Put a new one into the Secret; it goes on within a minute."
