"""Which endpoints may be called: allow-list patterns, compared parsed; and the endpoint a region implies."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from urllib.parse import SplitResult, urlsplit

REMEMBERED = 1024
"""URLs whose parts and verdicts are remembered: every decision asks for them, and there are few different ones."""

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Regions of the vendor's siblings, whose endpoints do not follow the vendor's own form
# (source: docs.otc.t-systems.com "Regions and Endpoints"; the European site's region and its `.eu` domain).
_SIBLING_DOMAINS = {
    "eu-de": "otc.t-systems.com",
    "eu-nl": "otc.t-systems.com",
    "eu-west-101": "myhuaweicloud.eu",
}


@dataclass(frozen=True, slots=True)
class EndpointPattern:
    """One entry of the allow-list: ``*`` stands for one label of the host, or for any port."""

    scheme: str
    labels: tuple[str, ...]
    port: str

    @property
    def host(self) -> str:
        """Its host, or, in IPv6, its address without brackets."""
        return ".".join(self.labels)

    def __str__(self) -> str:
        """The pattern as a person writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != "" else "")


def parse_pattern(text: str) -> EndpointPattern:
    """Read a pattern such as ``https://cbr.*.myhuaweicloud.com`` or ``http://127.0.0.1:*``.

    Raises:
        ValueError: it is not of the form scheme://host[:port].
    """
    match = re.fullmatch(r"(https?)://([A-Za-z0-9.*_-]+|\[[0-9A-Fa-f:.]+\])(?::(\*|[0-9]{1,5}))?/?", text)
    if match is None:
        raise ValueError(
            f"{text!r} is not of the form https://host or https://host:port, with * for one label or any port"
        )
    scheme, host, port = match.groups()
    return EndpointPattern(scheme=scheme, labels=_labels(host), port=port or "")


def _labels(host: str) -> tuple[str, ...]:
    return tuple(host.strip("[]").rstrip(".").lower().split("."))


def problem_with(url: str) -> str:
    """What keeps this URL from being an endpoint at all, or an empty string."""
    parts, port = _split(url)
    if parts is None or port is None:
        return "it is not a URL"
    if parts.scheme not in _DEFAULT_PORTS:
        return "its scheme is neither https nor http"
    if not parts.hostname:
        return "it has no host"
    if "@" in parts.netloc:
        return "it holds user information"
    if "?" in url or "#" in url:
        return "it has a query or a fragment"
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        return "it holds white space, a backslash or a control character"
    if _is_odd_address(parts.hostname):
        return "its host is an unusual spelling of an address"
    return ""


def _is_odd_address(host: str) -> bool:
    """Whether a host is a number that some resolvers take for an address: 2130706433, 0x7f.1, 127.1, 0177.0.0.1.

    Source: WHATWG URL standard, "ends in a number": such a host is an IPv4 address in some spelling, or an error.
    """
    last = host.rstrip(".").rpartition(".")[2]
    if ":" in host or not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last, re.IGNORECASE):
        return False
    try:
        return str(IPv4Address(host)) != host
    except ValueError:
        return True


def is_allowed(url: str, patterns: tuple[EndpointPattern, ...]) -> bool:
    """Whether a pattern of the allow-list matches the scheme, host and port of this URL."""
    parts, port = _split(url)
    if problem_with(url) or parts is None:
        return False
    labels = _labels(parts.hostname or "")
    return any(_matches(pattern, parts.scheme, labels, port) for pattern in patterns)


def _matches(pattern: EndpointPattern, scheme: str, labels: tuple[str, ...], port: int | None) -> bool:
    wanted = pattern.port or str(_DEFAULT_PORTS[pattern.scheme])
    return (
        scheme == pattern.scheme
        and wanted in ("*", str(port))
        and len(labels) == len(pattern.labels)
        and all(mine in ("*", theirs) for mine, theirs in zip(pattern.labels, labels, strict=True))
    )


@lru_cache(REMEMBERED)
def _split(url: str) -> tuple[SplitResult | None, int | None]:
    """The parts of a URL and its port, the scheme's own where none is written; None where it does not parse."""
    try:
        parts = urlsplit(url)
        return parts, parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None, None


def comparable_endpoint(url: str) -> str:
    """The form in which endpoints are compared: lower case, no default port, no last slash."""
    parts, port = _split(url)
    if parts is None or not parts.hostname:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"


def authority_of(endpoint: str, vouched_by: str) -> str:
    """Who answers at an endpoint: the same for two calls exactly when the answers to one are evidence for the other.

    ``vouched_by``: the namespace that decides it, empty where nobody but the endpoint's own name does. What a tenant's
    proxy says, or who shows a certificate that only a tenant trusts, says nothing to others about that endpoint.
    """
    return comparable_endpoint(endpoint) + (f" by {vouched_by}" if vouched_by else "")


def origin_of(url: str) -> str:
    """Scheme, host and port, which tell who answers; a path can be written in any number of ways."""
    parts, port = _split(url)
    if parts is None or not parts.hostname:
        return url
    return f"{parts.scheme}://{parts.hostname.rstrip('.')}:{port}"


def endpoint_of_region(region: str) -> str:
    """The CBR endpoint that a region implies when none is written."""
    return _endpoint("cbr", region)


def iam_endpoint_of_region(region: str) -> str:
    """The IAM endpoint that a region implies when none is written."""
    return _endpoint("iam", region)


def _endpoint(service: str, region: str) -> str:
    return f"https://{service}.{region}.{_SIBLING_DOMAINS.get(region, 'myhuaweicloud.com')}"
