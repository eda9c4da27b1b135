"""What IAM's answer to a login means, when a token is renewed, and how long to wait after a refusal."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cbr_operator.ports import Body, LoginFacts, LoginRequest
from cbr_operator.rules.answers import error_of, without_token
from cbr_operator.rules.records import parse_moment
from cbr_operator.rules.secrets import USABLE
from cbr_operator.rules.text import sentence

RENEW_AFTER = 0.8
"""Of its life, when a token is renewed."""
SUPPOSED_LIFE = 3600.0
"""Seconds that a token is good for when IAM does not say: as a rule it is a day."""
SHORTEST_LIFE = 1.0
LONGEST_LIFE = 7 * 86400.0
FIRST_PAUSE_REFUSED = 300.0
LONGEST_PAUSE_REFUSED = 3600.0
"""Seconds between two logins that are refused: five wrong passwords within 15 minutes lock a user
(source: IAM user guide, "Login Authentication Policy")."""
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
"""Seconds between two logins that came to nothing for other reasons."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token from a login."""

    value: str = field(repr=False)
    life: float
    """Seconds for which it is good from now on."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LoginFailure:
    """Why a login gave no token."""

    said: str
    refused: bool
    """IAM would not have it: trying again the same way can lock the user."""
    retry_after: float = 0.0

    def pause(self, failures: int) -> float:
        """Seconds until the next login after so many failures in a row."""
        first, longest = (FIRST_PAUSE_REFUSED, LONGEST_PAUSE_REFUSED) if self.refused else (FIRST_PAUSE, LONGEST_PAUSE)
        return max(min(longest, first * 2.0 ** min(max(failures, 1) - 1, 10)), self.retry_after)


def judge_login(answer: LoginFacts, request: LoginRequest, *, now: datetime) -> Token | LoginFailure:
    """The token that came, or why none did; never with a word of the password."""
    facts = without_token(request.password, without_token(answer.token, answer.facts))
    who = (
        f"user {request.user_name!r} of {request.domain_name!r} at {request.endpoint} for project {request.project_id}"
    )
    if facts.status is None:
        return LoginFailure(f"The login of {who} failed: {sentence(facts.failure or 'no answer came')}", refused=False)
    _, said = error_of(facts)
    if not 200 <= facts.status < 300:  # noqa: PLR2004 - HTTP
        passing = facts.status >= 500 or facts.status in (408, 429)  # noqa: PLR2004 - HTTP
        words = f"The login of {who} was refused: {sentence(said)}"
        return LoginFailure(words, refused=not passing, retry_after=facts.retry_after or 0.0)
    if not USABLE.fullmatch(answer.token):
        return LoginFailure(f"The login of {who} failed: HTTP {facts.status} without a usable token.", refused=False)
    life = _life(answer.facts.body if facts.body_state is Body.WHOLE else b"", now)
    if life < SHORTEST_LIFE:
        return LoginFailure(f"The login of {who} gave a token that ends at once.", refused=False)
    return Token(answer.token, life, now + timedelta(seconds=life))


def _life(body: bytes, now: datetime) -> float:
    """Seconds for which a token is good: by IAM's own two times, so that no clock's offset counts."""
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    token = parsed.get("token") if isinstance(parsed, dict) else None
    token = token if isinstance(token, dict) else {}
    ends, begins = (parse_moment(str(token.get(key))) for key in ("expires_at", "issued_at"))
    if ends is None:
        return SUPPOSED_LIFE
    return min(LONGEST_LIFE, max(0.0, (ends - (begins or now)).total_seconds()))
