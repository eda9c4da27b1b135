"""The settings, from environment variables with the prefix CBR_OPERATOR_ (README, "Settings")."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

PREFIX = "CBR_OPERATOR_"

# For a Service cbr-operator, or cbr-operator-metrics, Kubernetes puts such variables into every container of its
# namespace (source: Kubernetes, "Discovering services"); with a Service cbr-operator-http even a setting's name.
_SERVICE_LINK = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_LINK_URL = re.compile(r"(tcp|udp|sctp)://\S+:\d+")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PATTERN = re.compile(r"https?://([A-Za-z0-9*_-]+(\.[A-Za-z0-9*_-]+)*|\[[0-9A-Fa-f:.]+\])(:(\*|[0-9]{1,5}))?/?")
_LAST_PORT = 65535
_DEFAULT_ENDPOINTS = (
    "https://cbr.*.myhuaweicloud.com",
    "https://iam.*.myhuaweicloud.com",
    "https://iam.myhuaweicloud.com",
    "https://cbr.*.myhuaweicloud.eu",
    "https://iam.*.myhuaweicloud.eu",
    "https://iam.myhuaweicloud.eu",
    "https://cbr.*.otc.t-systems.com",
    "https://iam.*.otc.t-systems.com",
)


class SettingsError(ValueError):
    """A setting is wrong; the message is one line that names it, its value, and what is allowed."""


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _is_namespace(name: str) -> str:
    if not _DNS_LABEL.fullmatch(name):
        words = "'{name}' is no namespace's name: lower-case letters, digits and dashes between them"
        raise PydanticCustomError("namespace", words, {"name": name})
    return name


def _is_pattern(pattern: str) -> str:
    match = _PATTERN.fullmatch(pattern)
    port = match and match[4]
    if match is None or (port and port != "*" and not 0 < int(port) <= _LAST_PORT):
        words = "'{pattern}' is not of the form https://host or https://host:port, with * for one label or any port"
        raise PydanticCustomError("pattern", words, {"pattern": pattern})
    return pattern


def _is_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        words = "'{network}' is no network such as 10.0.0.0/8 or fd00::/8: {error}"
        raise PydanticCustomError("network", words, {"network": text, "error": str(error)}) from None
    return text


def _not_empty(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise PydanticCustomError("empty", "with no pattern no endpoint may be called; unset it for the usual ones")
    return patterns


Namespace = Annotated[str, AfterValidator(_is_namespace)]
Names = Annotated[tuple[Namespace, ...], BeforeValidator(_split)]
Pattern = Annotated[str, AfterValidator(_is_pattern)]
Network = Annotated[str, AfterValidator(_is_network)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_split)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_split), AfterValidator(_not_empty)]


class Settings(BaseModel):
    """Everything that can be set; see the README's table."""

    model_config = ConfigDict(frozen=True)

    namespaces: Names = ()
    operator_namespace: Namespace | Literal[""] = ""
    allowed_endpoints: Patterns = _DEFAULT_ENDPOINTS
    denied_networks: Networks = ()
    ca_file: str = ""
    http_host: str = ""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    leader_election: bool = True
    lease_duration_seconds: Annotated[int, Field(ge=3, le=3600)] = 15
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    request_timeout_seconds: Annotated[float, Field(ge=1, le=600)] = 60
    settle_seconds: Annotated[float, Field(ge=1, le=86400)] = 120
    poll_min_seconds: Annotated[float, Field(ge=1, le=3600)] = 15
    poll_max_seconds: Annotated[float, Field(ge=1, le=86400)] = 300
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in these environment variables.

    Raises:
        SettingsError: one is wrong, or not known.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not _is_service_link(name.removeprefix(PREFIX), value)
    }
    known = {name.upper(): name for name in Settings.model_fields}
    for name in given:
        if name not in known:
            raise SettingsError(f"{PREFIX}{name} is not a setting; there are {', '.join(sorted(known))}")
    try:
        settings = Settings.model_validate({known[name]: value for name, value in given.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper()
        raise SettingsError(f"{PREFIX}{name}={given[name]!r} is wrong: {first['msg']}") from None
    if settings.poll_min_seconds > settings.poll_max_seconds:
        raise SettingsError(
            f"{PREFIX}POLL_MIN_SECONDS={settings.poll_min_seconds:g} is wrong: "
            f"it must not be greater than {PREFIX}POLL_MAX_SECONDS, which is {settings.poll_max_seconds:g}"
        )
    return settings


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or (name.endswith("PORT") and _SERVICE_LINK_URL.fullmatch(value)))
