"""Signing a request with an access key: SDK-HMAC-SHA256. Pure.

Source: the vendor's "API Signing Guide"; the tests compare it with the vendor's own SDK, byte for byte.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cbr_operator.ports import AccessKey

ALGORITHM = "SDK-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def signed(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, key: AccessKey, now: datetime
) -> dict[str, str]:
    """The headers with which to send this very request: those given, X-Sdk-Date, Host and Authorization.

    Every header given is signed: none of them may be changed on the way. ``now`` may differ from the cloud's clock
    by 15 minutes.
    """
    date = now.astimezone(UTC).strftime(_DATE)
    sent = {**headers, "X-Sdk-Date": date, "Host": host_of(url)}
    canonical = {name.lower(): value.strip() for name, value in sent.items()}
    names = sorted(canonical)
    parts = urlsplit(url)
    request = "\n".join(
        (
            method.upper(),
            _path(parts.path),
            _query(parts.query),
            *(f"{name}:{canonical[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = f"{ALGORITHM}\n{date}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"{ALGORITHM} Access={key.id}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return {**sent, "Authorization": authorization}


def host_of(url: str) -> str:
    """The Host header for this URL: without the scheme's own port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _path(path: str) -> str:
    """Each segment encoded once, with a slash at the end."""
    whole = "/".join(_encoded(segment) for segment in unquote(path).split("/"))
    return whole if whole.endswith("/") else f"{whole}/"


def _query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)
