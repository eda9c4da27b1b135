"""From a connection, and what its Secret holds, to what authenticates its calls; or to what a person must mend."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cbr_operator.kinds.connection import Connection
from cbr_operator.kinds.connection_spec import ConnectionSpec
from cbr_operator.kinds.reasons import Reason
from cbr_operator.ports import AccessKey, Credential, LoginRequest, Route, SecretData
from cbr_operator.rules.connections import connection_owner, iam_endpoint_of, voucher_of
from cbr_operator.rules.records import parse_moment
from cbr_operator.rules.secrets import USABLE
from cbr_operator.rules.view import SecretProblem

EXPIRY_KEY = "expiresAt"
SECRET_AGAIN = 10.0
"""Seconds between two looks at what a connection waits for."""
_LONGEST_SECRET = 65536


@dataclass(frozen=True, slots=True)
class Usable:
    """A connection that can be used."""

    credential: Credential
    expires_at: datetime | None = None
    """When its token ends, where that is known."""
    note: str = ""
    """What a person should know all the same."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a connection cannot be used, and what to do."""

    reason: Reason
    message: str
    for_a_person: bool = False
    """It does not go on before a person acts."""
    again: float | None = SECRET_AGAIN
    """Seconds after which it may be otherwise; None: when the connection changes."""
    version: str = ""
    """Version of the credential that IAM refused."""
    next_login: datetime | None = None
    """When the login is tried again."""


class Place(NamedTuple):
    """A Secret or a ConfigMap."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.kind} {self.name!r} in namespace {self.namespace!r}"


def secret_place(connection: Connection, spec: ConnectionSpec, *, operator_namespace: str) -> Place:
    """The Secret of this connection: from its own namespace, or the operator's for a cluster connection."""
    auth = spec.auth
    named = [each.secret_ref.name for each in (auth.token, auth.password, auth.access_key) if each is not None]
    return Place("Secret", _namespace(connection, operator_namespace), named[0] if named else "")


def ca_place(connection: Connection, spec: ConnectionSpec, *, operator_namespace: str) -> tuple[Place, str] | None:
    """Where its certificates to trust are, and under which key; None where it names none."""
    bundle = spec.ca_bundle
    if bundle is None:
        return None
    reference = bundle.secret_ref or bundle.config_map_ref
    if reference is None:
        return None
    kind = "Secret" if bundle.secret_ref is not None else "ConfigMap"
    return Place(kind, _namespace(connection, operator_namespace), reference.name), reference.key


def _namespace(connection: Connection, operator_namespace: str) -> str:
    return operator_namespace if connection.is_cluster_wide else connection.metadata.namespace


def unreadable(place: Place, why: str, reason: Reason) -> NotReady:
    """The API server did not show it: the operator's rights, or the server itself, are the matter."""
    text = f"{place} cannot be read: {why}. Check that the operator may get it; {_GOES_ON}"
    return NotReady(reason, text)


def ca_of(found: SecretData | None, place: Place, key: str) -> str | NotReady:
    """The certificates in this key, PEM."""
    value = _value(found, place, key, reason=Reason.CA_BUNDLE_NOT_FOUND, what="the certificates to trust")
    if isinstance(value, NotReady):
        return value
    if "-----BEGIN CERTIFICATE-----" not in value:
        text = f"Key {key!r} of {place} holds no certificate in PEM form. Put one there; {_GOES_ON}"
        return NotReady(Reason.CA_BUNDLE_NOT_FOUND, text)
    return value


def version_of(connection: Connection, secret: SecretData) -> str:
    """Changes with the Secret and with the connection's spec: either may mend what was refused."""
    return f"{secret.resource_version}/{connection.metadata.generation}"


def route_of(connection: Connection, spec: ConnectionSpec, ca: str) -> Route:
    """How its calls travel."""
    return Route(
        connection.metadata.uid,
        ca=ca,
        proxy=spec.proxy_url,
        requests_per_second=spec.requests_per_second,
        namespace=connection.key.namespace,
        vouched_by=voucher_of(connection),
    )


def own_project(connection: Connection) -> str:
    """The project that the connection itself names."""
    return connection.spec.project_id if connection.spec is not None else ""


def token_credential(
    connection: Connection, key: str, secret: SecretData | None, *, place: Place, route: Route, now: datetime
) -> Usable | NotReady:
    """The token in a Secret, unless it says that it has ended."""
    token = _header_value(secret, place, key, what="the token")
    if isinstance(token, NotReady) or secret is None:
        return token if isinstance(token, NotReady) else _missing(place)
    credential = Credential(
        _owner(connection), version_of(connection, secret), token, route=route, project_id=own_project(connection)
    )
    written = secret.data.get(EXPIRY_KEY)
    if written is None:
        return Usable(credential)
    expires_at = parse_moment(written.decode(errors="replace").strip())
    if expires_at is None:
        note = f"Key {EXPIRY_KEY!r} of {place} is no RFC 3339 time such as 2026-03-01T12:00:00Z, and is not looked at."
        return Usable(credential, note=note)
    if expires_at <= now:
        text = f"The token in {place} has ended, as its key {EXPIRY_KEY!r} says. Put a new one there; {_GOES_ON}"
        return NotReady(Reason.EXPIRED, text, for_a_person=True)
    return Usable(credential, expires_at)


def key_credential(
    connection: Connection, secret: SecretData | None, *, place: Place, route: Route
) -> Usable | NotReady:
    """The access key in a Secret; with a security token it is a temporary one."""
    wanted = {"accessKey": "the access key id", "secretKey": "the secret access key"}
    if secret is not None and secret.data.get("securityToken", b"").strip():
        wanted["securityToken"] = "the security token"
    found = {key: _header_value(secret, place, key, what=what) for key, what in wanted.items()}
    for value in found.values():
        if isinstance(value, NotReady):
            return value
    if secret is None:
        return _missing(place)
    values = {key: str(value) for key, value in found.items()}
    access_key = AccessKey(values["accessKey"], values["secretKey"])
    token = values.get("securityToken", "")
    version = version_of(connection, secret)
    project_id = own_project(connection)
    return Usable(
        Credential(_owner(connection), version, token, access_key=access_key, route=route, project_id=project_id)
    )


def login_of(
    spec: ConnectionSpec, secret: SecretData | None, *, place: Place, route: Route, project_id: str
) -> LoginRequest | NotReady:
    """The login that gets a token for this project."""
    password = spec.auth.password
    if password is None:
        raise AssertionError("only a connection with a password logs in")
    value = _value(secret, place, password.secret_ref.key, reason=Reason.SECRET_NOT_FOUND, what="the password")
    if isinstance(value, NotReady):
        return value
    return LoginRequest(
        endpoint=iam_endpoint_of(spec),
        domain_name=password.domain_name,
        user_name=password.user_name,
        password=value,
        project_id=project_id,
        route=route,
    )


def as_problem(connection: Connection, found: NotReady) -> SecretProblem:
    """What an object says of its connection; why a cluster connection is not ready is not for tenants to read."""
    denied = found.reason is Reason.ENDPOINT_NOT_ALLOWED
    reason = Reason.ENDPOINT_NOT_ALLOWED if denied else Reason.WAITING_FOR_CONNECTION
    if connection.is_cluster_wide:
        text = (
            f"{connection.key} is not ready ({found.reason.value}); its status says why to those who administer it. "
            "It goes on by itself once the connection is ready."
        )
    else:
        text = f"{connection.key} is not ready ({found.reason.value}): {found.message}"
    return SecretProblem(text, reason=reason, for_a_person=found.for_a_person)


def _owner(connection: Connection) -> str:
    return connection_owner(connection.metadata.uid)


def _missing(place: Place) -> NotReady:
    return NotReady(Reason.SECRET_NOT_FOUND, f"{place} does not exist. Create it; {_GOES_ON}")


def _value(found: SecretData | None, place: Place, key: str, *, reason: Reason, what: str) -> str | NotReady:
    """The text in this key; line ends after it are dropped, as editors and files leave them there."""
    if found is None:
        return NotReady(reason, f"{place} does not exist. Create it with {what} in its key {key!r}; {_GOES_ON}")
    if key not in found.data:
        return NotReady(reason, f"{place} has no key {key!r}. Put {what} there; {_GOES_ON}")
    try:
        text = found.data[key].decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return NotReady(reason, f"Key {key!r} of {place} is no text in UTF-8. Put {what} there; {_GOES_ON}")
    if not text:
        return NotReady(reason, f"Key {key!r} of {place} is empty. Put {what} there; {_GOES_ON}")
    return text


def _header_value(found: SecretData | None, place: Place, key: str, *, what: str) -> str | NotReady:
    """The text in this key, if it can stand in a header of HTTP and nothing can be smuggled in with it."""
    text = _value(found, place, key, reason=Reason.SECRET_NOT_FOUND, what=what)
    if isinstance(text, NotReady):
        return text
    if not USABLE.fullmatch(text.strip()) or len(text) > _LONGEST_SECRET:
        words = (
            f"Key {key!r} of {place} holds a line break, a blank or another character that {what} never has. Put it "
            f"there alone; {_GOES_ON}"
        )
        return NotReady(Reason.SECRET_NOT_FOUND, words)
    return text.strip()


_GOES_ON = "it is looked at again every 10 seconds and goes on by itself."
