"""What the cloud's answer to the call means (protocol, section 3). Facts in, one Verdict out."""

import json
from dataclasses import dataclass, replace
from typing import Any

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import AnsweredDestination, AnsweredSource, Backup, BackupState, Outcome
from cbr_operator.ports import Body, Credential, Facts
from cbr_operator.rules.text import clip, read_json

MOST_ENTRIES = 20_000
"""Of an answer that are read; the rest is counted. The service's own bound is far below that, and a server that sends
more must not keep the operator from everything else."""
_QUOTE_LENGTH = 512
_ID_LENGTH = 128

# The service's error codes (source: "Error Codes" of the CBR API; the HTTP status of one code differs
# between releases, so the code counts first).
_CODE_NOT_READY = frozenset({"1001", "1007", "1008", "6112", "6118", "6129", "8600"})
_CODE_REPLICATED_ALREADY = frozenset({"1009", "1012"})
_CODE_VAULT_BUSY = "6130"
_CODE_IMPORT_FAILED = "1006"
_CODE_AUTHENTICATION = "9998"
_CODE_TERMINAL = frozenset(
    {"1002", "1003", "1004", "1005", "1011", "1013", "6105", "6119", "6120", "6122", "6128", "6200", "9900"}
)
# The gateway's codes, whose number means the same under both of its names.
_GATEWAY_REASONS = {
    "0301": Reason.AUTHENTICATION_FAILED,
    "0305": Reason.AUTHENTICATION_FAILED,
    "0307": Reason.AUTHENTICATION_FAILED,
    "0302": Reason.PERMISSION_DENIED,
    "0306": Reason.PERMISSION_DENIED,
    "0802": Reason.PERMISSION_DENIED,
    "0308": Reason.RATE_LIMITED,
}
STATUS_REASONS = {
    401: Reason.AUTHENTICATION_FAILED,
    407: Reason.AUTHENTICATION_FAILED,
    403: Reason.PERMISSION_DENIED,
    429: Reason.RATE_LIMITED,
}


def refused_credential(status: int, code: str) -> Reason | None:
    """What a 4xx says of the credential, by its status or by its code; None where it speaks of something else."""
    if not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        return None
    by_code = Reason.AUTHENTICATION_FAILED if code == _CODE_AUTHENTICATION else _GATEWAY_REASONS.get(code)
    return STATUS_REASONS.get(status, by_code)


@dataclass(frozen=True, slots=True)
class Answer:
    """A readable 2xx: which backups the cloud says it replicates."""

    source: AnsweredSource
    destination: AnsweredDestination
    backups: tuple[Backup, ...]
    omitted: int = 0
    """Entries beyond those that are read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one call came to."""

    outcome: Outcome
    reason: Reason | None = None
    """Why nothing was submitted; None where the outcome says it all, or where an earlier reason stands."""
    said: str = ""
    """What happened, with the server's words where there are any; never a token."""
    request_id: str = ""
    retry_after: float | None = None
    answer: Answer | None = None
    for_good: bool = True
    """Of a refused credential: only another one can mend it; otherwise a new login, or signing anew, may."""


def judge(facts: Facts, *, token: str, was_unknown: bool) -> Verdict:
    """Judge one call. ``was_unknown``: an earlier attempt's outcome was Unknown, and may have been taken."""
    facts = without_token(token, facts)
    verdict = _judge(facts, was_unknown=was_unknown)
    return replace(verdict, request_id=facts.request_id, retry_after=facts.retry_after)


def took_credential(facts: Facts) -> bool | None:
    """Whether the cloud took what authenticated the call; None where its answer, if there was one, does not tell."""
    status = facts.status
    if status is None or not (200 <= status < 300 or 400 <= status < 500) or status in (408, 429):  # noqa: PLR2004 - HTTP
        return None
    return STATUS_REASONS.get(status) is not Reason.AUTHENTICATION_FAILED


def is_ambiguous(facts: Facts) -> bool:
    """Whether a 401 has the form that was also seen for a resource that does not exist (reference, section 4)."""
    parsed = read_json(facts.body) if facts.status == 401 and facts.body_state is Body.WHOLE else None  # noqa: PLR2004 - HTTP
    return isinstance(parsed, dict) and "unauthorized" in parsed


def _judge(facts: Facts, *, was_unknown: bool) -> Verdict:
    status = facts.status
    if not facts.sent:
        reason = None if facts.late else Reason.ENDPOINT_UNREACHABLE
        return Verdict(Outcome.NOT_SUBMITTED, reason, facts.failure or "the time to send had passed")
    if status is None:
        return Verdict(Outcome.UNKNOWN, said=facts.failure or "no answer came")
    code, said = error_of(facts)
    if not 200 <= status < 500 or status == 408 or code == _CODE_IMPORT_FAILED:  # noqa: PLR2004
        return Verdict(Outcome.UNKNOWN, said=said)
    if status < 300:  # noqa: PLR2004
        answer = _read_answer(facts)
        return Verdict(Outcome.SUBMITTED, answer=answer) if answer else Verdict(Outcome.UNKNOWN, said=said)
    return _refused(status, code, said, whole=facts.body_state is not Body.CUT, was_unknown=was_unknown)


def _refused(status: int, code: str, said: str, *, whole: bool, was_unknown: bool) -> Verdict:
    """A 3xx or 4xx: certainly nothing was begun, unless it tells of what an earlier attempt began."""
    if status in (401, 407, 429) or code == _CODE_AUTHENTICATION:
        return Verdict(Outcome.NOT_SUBMITTED, STATUS_REASONS.get(status, Reason.AUTHENTICATION_FAILED), said)
    if code == _CODE_VAULT_BUSY or code in _CODE_REPLICATED_ALREADY:
        if was_unknown:
            return Verdict(Outcome.UNKNOWN, said=said)
        if code == _CODE_VAULT_BUSY:
            return Verdict(Outcome.NOT_SUBMITTED, Reason.WAITING_FOR_VAULT, said)
        return Verdict(Outcome.NOT_NEEDED, Reason.NOT_NEEDED, said)
    if code in _CODE_NOT_READY:
        return Verdict(Outcome.NOT_SUBMITTED, Reason.DESTINATION_NOT_READY, said)
    reason = _GATEWAY_REASONS.get(code) or (None if code in _CODE_TERMINAL else STATUS_REASONS.get(status))
    if reason is not None:
        return Verdict(Outcome.NOT_SUBMITTED, reason, said)
    # A refusal whose words were cut off may be one that waiting would have ended: not for us to call final.
    return Verdict(Outcome.REJECTED, Reason.REJECTED, said) if whole else Verdict(Outcome.UNKNOWN, said=said)


def without_token(token: str, facts: Facts) -> Facts:
    """The facts with the token blotted out, should a server echo it, however JSON spells it."""
    if not token:
        return facts
    return replace(
        facts,
        body=_blotted(token, facts.body),
        failure=facts.failure.replace(token, "[token]"),
        request_id=clip(facts.request_id.replace(token, "[token]"), _ID_LENGTH),
    )


def without_key_id(credential: Credential, facts: Facts) -> Facts:
    """The facts without the id of the access key, which gateways quote from what was signed."""
    return without_token(credential.access_key.id, facts) if credential.access_key is not None else facts


def _blotted(token: str, body: bytes) -> bytes:
    """A body without a token; where letters may be spelt otherwise, by escapes or in UTF-16, what is meant counts."""
    plain = body.replace(token.encode(), b"[token]")
    if b"\\" not in plain and b"\0" not in plain:
        return plain
    parsed = read_json(plain)
    if parsed is None:
        return plain
    spelt, told = json.dumps(parsed, ensure_ascii=False), json.dumps(token, ensure_ascii=False)[1:-1]
    return spelt.replace(told, "[token]").encode(errors="surrogatepass") if told in spelt else plain


def error_of(facts: Facts) -> tuple[str, str]:
    """The number of the error code, and what the server said in words a person can read."""
    parsed = read_json(facts.body) if facts.body_state is Body.WHOLE else None
    body = parsed if isinstance(parsed, dict) else {}
    inner = body.get("unauthorized") or body.get("error") or body
    inner = inner if isinstance(inner, dict) else body
    code = str(inner.get("error_code") or inner.get("code") or "")
    words = str(inner.get("error_msg") or inner.get("message") or "")
    if not words:
        words = facts.body[: 4 * _QUOTE_LENGTH].decode(errors="replace") if not body else ""
    cut = {
        Body.CUT: facts.failure or "the answer was cut off",
        Body.TOO_LONG: "the answer was too long to read",
    }
    parts = (
        f"HTTP {facts.status}",
        clip(code, _ID_LENGTH),
        cut.get(facts.body_state) or clip(words, _QUOTE_LENGTH),
    )
    return _number(code), ": ".join(part for part in parts if part)


def _number(code: str) -> str:
    """The number in ``BackupService.6130``, ``APIGW.0301`` or ``APIG.0301``; empty for another service's code."""
    service, _, number = code.rpartition(".")
    return number if service in ("BackupService", "APIGW", "APIG") else ""


def _read_answer(facts: Facts) -> Answer | None:
    """The answer's content; any key but ``backups`` may be missing, unknown ones are ignored."""
    parsed = read_json(facts.body) if facts.body_state is Body.WHOLE else None
    body = parsed.get("replication") if isinstance(parsed, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("backups"), list):
        return None
    entries = body["backups"]
    # A dict keeps the order and merges identical entries.
    ids = dict.fromkeys(map(_ids, entries[:MOST_ENTRIES]))
    return Answer(
        source=AnsweredSource(
            region=_text(body, "source_region"),
            project_id=_text(body, "project_id"),
            vault_id=_text(body, "vault_id"),
            provider_id=_text(body, "provider_id"),
        ),
        destination=AnsweredDestination(
            region=_text(body, "destination_region"),
            project_id=_text(body, "destination_project_id"),
            vault_id=_text(body, "destination_vault_id"),
        ),
        backups=tuple(_backup(backup, record) for backup, record in ids),
        omitted=max(0, len(entries) - MOST_ENTRIES),
    )


def _ids(entry: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever stands in the list
    """Of the backup and of its record."""
    entry = entry if isinstance(entry, dict) else {}
    return _text(entry, "backup_id"), _text(entry, "replication_record_id")


def _backup(backup: str, record: str) -> Backup:
    return Backup(
        backup_id=backup,
        replication_record_id=record,
        state=BackupState.WAITING if record else BackupState.UNKNOWN,
    )


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return clip(str(value), _ID_LENGTH) if isinstance(value, str | int) else ""
