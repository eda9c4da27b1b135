"""How requests are spelt, and what is read from answers' headers. Pure.

Source: "Replicating a Restore Point", "Querying All Backups" and "Querying the Task List" of the CBR API reference.
"""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import LoginRequest, ReplicateRequest

JSON = "application/json;charset=UTF-8"

_DAY = 86400.0
_REQUEST_ID_LENGTH = 128


def replicate_url(target: Target) -> str:
    """Where a replication is asked for; the path's project is the source's."""
    return f"{target.endpoint.rstrip('/')}/v3/{target.project_id}/checkpoints/replicate"


def backups_url(target: Target, *, offset: int, limit: int) -> str:
    """One page of the vault's backups, with their replication records."""
    query = f"vault_id={target.vault_id}&show_replication=true&offset={offset}&limit={limit}"
    return f"{target.endpoint.rstrip('/')}/v3/{target.project_id}/backups?{query}"


def operation_logs_url(target: Target, *, since: datetime, offset: int, limit: int) -> str:
    """One page of the vault's replications in the operation log; its filter takes whole seconds."""
    query = (
        f"operation_type=replication&vault_id={target.vault_id}&start_time={format_time(since)}"
        f"&offset={offset}&limit={limit}"
    )
    return f"{target.endpoint.rstrip('/')}/v3/{target.project_id}/operation-logs?{query}"


def replicate_body(request: ReplicateRequest) -> bytes:
    """The body of the call. Some deployments do not know ``enable_acceleration``: it is sent only when true."""
    replicate: dict[str, Any] = {
        "vault_id": request.vault_id,
        "destination_project_id": request.destination_project_id,
        "destination_region": request.destination_region,
        "destination_vault_id": request.destination_vault_id,
        "auto_trigger": request.auto_trigger,
    }
    if request.enable_acceleration:
        replicate["enable_acceleration"] = True
    return json.dumps({"replicate": replicate}).encode()


def login_url(request: LoginRequest) -> str:
    """Where a token is asked for, without the catalogue of services, which is long."""
    return f"{request.endpoint.rstrip('/')}/v3/auth/tokens?nocatalog=true"


def login_body(request: LoginRequest) -> bytes:
    """A login for a project-scoped token.

    Source: IAM API reference, "Obtaining a User Token Through Password Authentication".
    """
    user = {"name": request.user_name, "password": request.password, "domain": {"name": request.domain_name}}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"id": request.project_id}}
    return json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()


def retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, a day at most; None where it says nothing usable.

    Source: RFC 9110 section 10.2.3: delay-seconds or an HTTP date.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), _DAY)
    moment = http_date(text)
    if moment is None:
        return None
    seconds = (moment - now).total_seconds()
    return min(seconds, _DAY) if seconds >= 0 else None


def http_date(value: str | None) -> datetime | None:
    """The moment in a Date header (RFC 9110 section 5.6.7), or None where there is none."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def request_id(value: str | None) -> str:
    """X-Request-Id, which the vendor's support asks for; printable and short whatever came."""
    return "".join(char for char in (value or "")[: 4 * _REQUEST_ID_LENGTH] if char.isprintable())[:_REQUEST_ID_LENGTH]
