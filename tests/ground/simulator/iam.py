"""IAM of the simulated cloud: logins that give project-scoped tokens, and access keys that sign requests."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from ground.simulator.errors import RefusedError

SIGNED = "SDK-HMAC-SHA256 "
MOST_BAD_SIGNATURES = 5
MOST_CLOCK_SKEW = 900.0


@dataclass(slots=True)
class User:
    """An IAM user."""

    password: str
    life: float
    """Seconds that its tokens are good for."""
    projects: frozenset[str]
    """Those it may have a token for; empty: all."""


@dataclass(slots=True)
class Login:
    """One login, successful or not."""

    domain: str
    user: str
    project: str
    came: float = field(default_factory=time.time)
    token: str = ""
    """What it gave, if it did."""


@dataclass(slots=True)
class Key:
    """An access key; a temporary one has a security token."""

    secret: str
    security_token: str = ""


class Iam:
    """Users, keys, the tokens that were given, and what came of each try."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.users: dict[tuple[str, str], User] = {}
        self.keys: dict[str, Key] = {}
        self.logins: list[Login] = []
        self.bad_signatures: Counter[str] = Counter()
        """In all, by key."""
        self._bad_in_a_row: Counter[str] = Counter()
        self._tokens: dict[str, tuple[str, float]] = {}
        """Project and end of each token."""
        self.unreachable = False
        self.refuses_tokens = False
        """Every token that it gives is refused by the other services."""

    async def log_in(self, request: web.Request) -> web.Response:
        """``POST /v3/auth/tokens``."""
        if self.unreachable:
            return web.Response(status=503, text="try again later")
        asked = json.loads(await request.read())["auth"]
        who = asked["identity"]["password"]["user"]
        login = Login(who["domain"]["name"], who["name"], asked["scope"]["project"]["id"])
        self.logins.append(login)
        user = self.users.get((login.domain, login.user))
        if user is None or user.password != who["password"] or (user.projects and login.project not in user.projects):
            error = {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}
            return web.json_response({"error": error}, status=401)
        login.token = f"MIIiam{secrets.token_urlsafe(64)}"
        now = self._now()
        self._tokens[login.token] = login.project, now + user.life
        times = {"issued_at": _time(now), "expires_at": _time(now + user.life)}
        body = {"token": {**times, "methods": ["password"], "project": {"id": login.project}}}
        return web.json_response(body, status=201, headers={"X-Subject-Token": login.token})

    def gave(self, token: str) -> bool:
        """Whether this is a token from a login."""
        return token in self._tokens

    def check_token(self, token: str, project: str) -> None:
        """Refuse a token from a login that has ended, or is of another project."""
        of, ends = self._tokens[token]
        if self._now() >= ends or self.refuses_tokens:
            raise RefusedError("0307", gateway=True)
        if of != project:
            raise RefusedError("0305", gateway=True)

    def end_tokens(self) -> None:
        """Let every token that was given be refused from now on, as a change of the user's rights does."""
        self._tokens = {token: (project, 0.0) for token, (project, _) in self._tokens.items()}

    def check_signature(self, request: web.Request, body: bytes) -> None:
        """Refuse a request that is not signed as the vendor's SDK signs it."""
        given = dict(each.split("=", 1) for each in request.headers["Authorization"].removeprefix(SIGNED).split(", "))
        key_id = given.get("Access", "")
        key = self.keys.get(key_id)
        names = given.get("SignedHeaders", "").split(";")
        date = datetime.strptime(request.headers["X-Sdk-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        locked = self._bad_in_a_row[key_id] > MOST_BAD_SIGNATURES
        good = (
            key is not None
            and not locked
            and {"host", "x-sdk-date"} <= set(names)
            and abs(date - self._now()) <= MOST_CLOCK_SKEW
            and request.headers.get("X-Security-Token", "") == key.security_token
            and given.get("Signature") == _signature(request, body, names, key_id, key.secret)
        )
        if not good:
            self.bad_signatures[key_id] += 1
            self._bad_in_a_row[key_id] += 1
            raise RefusedError("0301", gateway=True)
        self._bad_in_a_row[key_id] = 0


def _signature(request: web.Request, body: bytes, names: list[str], key_id: str, secret: str) -> str:
    """What the vendor's own signer makes of the request as it came."""
    wanted = SdkRequest(
        method=request.method,
        schema="http",
        host=request.headers["Host"],
        resource_path=request.rel_url.raw_path,
        query_params=parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True),
        header_params={name: request.headers.get(name, "") for name in names},
        body=body,
    )
    made: dict[str, Any] = Signer(BasicCredentials(ak=key_id, sk=secret)).sign(wanted).header_params
    return str(made["Authorization"]).rpartition("Signature=")[2]


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
