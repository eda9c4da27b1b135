"""What Submitted and Succeeded say from the cloud's answer to the end of the copying."""

from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Backup, BackupState, Outcome, Status, Summary
from cbr_operator.rules.conditions import FALSE, TRUE, UNKNOWN, Statement, statement_of
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.matching import Matched
from cbr_operator.rules.records import Look
from cbr_operator.rules.text import PERMISSIONS, count_backups, sentence

CANNOT_BE_CANCELLED = "The copying cannot be cancelled: deleting this resource only ends its tracking."
_NAMED = 5
"""So many failed backups are named in a message; the list holds all of them."""
_TO_RUN_AGAIN = "To copy what is missing, mend that and create a new resource: what has its copy is not copied again."
_LEADS = {
    Reason.AUTHENTICATION_FAILED: "The cloud refuses the credential, so the copying goes on unseen. Put a new token "
    "into the Secret (with a connection, its status says what to do): tracking goes on within a minute of that.",
    Reason.PERMISSION_DENIED: "The credential may not read the records, so the copying goes on unseen. Give its user "
    f"the permissions {PERMISSIONS} in the source project; tracking goes on by itself.",
    Reason.WAITING_FOR_SECRET: "The token cannot be read, so the copying goes on unseen. Tracking goes on by itself "
    "once the Secret is right.",
    Reason.WAITING_FOR_CONNECTION: "Its connection cannot be used, so the copying goes on unseen. Tracking goes on by "
    "itself once the connection is ready.",
    Reason.ENDPOINT_NOT_ALLOWED: "Its connection may not be used as it is, so the copying goes on unseen. Tracking "
    "goes on by itself once the connection is right.",
    Reason.RATE_LIMITED: "The cloud asked to look less often, so the copying goes on unseen; it is looked at again "
    "by itself, later.",
    Reason.ENDPOINT_UNREACHABLE: "The records could not be read three times in a row, so the copying goes on unseen; "
    "it is looked at again by itself. If it lasts, check the endpoint and the network from the operator's Pod.",
}


def taken(replication: Replication) -> Statement:
    """Submitted, of an object whose call the cloud took, or said that it is not needed."""
    said = statement_of(replication.status, ConditionType.SUBMITTED)
    if said is not None and said.status != UNKNOWN:
        return said
    if _outcome(replication) == Outcome.NOT_NEEDED:
        return Statement(FALSE, Reason.NOT_NEEDED, "The cloud says that the copying is not needed.")
    reason = Reason.OUTCOME_ADOPTED if _outcome(replication) == Outcome.ADOPTED else Reason.SUBMITTED
    return Statement(TRUE, reason, f"The cloud took the call. {CANNOT_BE_CANCELLED}")


def _outcome(replication: Replication) -> str:
    submission = replication.status.submission
    return submission.outcome if submission is not None else ""


def after_submission(total: int, *, tracked: bool) -> Statement:
    """Succeeded, right after the cloud took the call."""
    if total == 0:
        text = "The cloud took the call and found no backup to replicate."
        return Statement(TRUE, Reason.NOTHING_TO_REPLICATE, text)
    if not tracked:
        text = (
            f"The cloud took the call for {count_backups(total)}; spec.tracking.enabled is false, so the copying is "
            f"not followed. {CANNOT_BE_CANCELLED}"
        )
        return Statement(TRUE, Reason.TRACKING_DISABLED, text)
    return Statement(UNKNOWN, Reason.REPLICATING, f"The cloud is copying {count_backups(total)}. {CANNOT_BE_CANCELLED}")


def not_followed(replication: Replication) -> Statement:
    """Succeeded, where spec.tracking.enabled was switched off while the copying was being followed."""
    status = replication.status
    if _outcome(replication) == Outcome.NOT_NEEDED and not status.backups:
        text = (
            "The cloud says that every backup has its copy already, or is being copied by another call; "
            "spec.tracking.enabled is false, so that is not followed."
        )
        return Statement(TRUE, Reason.NOTHING_TO_REPLICATE, text)
    return after_submission(_total(status), tracked=False)


def _total(status: Status) -> int:
    return status.summary.total if status.summary is not None else 0


def nothing_open(replication: Replication) -> Statement:
    """Succeeded, where the cloud says that the copying is not needed and nothing is under way to this destination."""
    destination = replication.spec.destination.region if replication.spec is not None else "the destination"
    text = f"The cloud says that every backup has its copy in {destination} already; nothing is being copied there."
    return Statement(TRUE, Reason.NOTHING_TO_REPLICATE, text)


def copying(status: Status, look: Look, seen: Matched) -> Statement:
    """Succeeded, while the copying goes on, as far as it can be seen."""
    text = f"The cloud is copying {count_backups(_total(status))}."
    if not seen.without_record:
        return Statement(UNKNOWN, Reason.REPLICATING, f"{text} {CANNOT_BE_CANCELLED}")
    why = (
        "This cloud shows no replication records with its backups"
        if not look.shows_records
        else f"The cloud shows no replication record of {count_backups(seen.without_record)}"
    )
    if look.log is None:
        text = (
            f"{why}, and its operation log cannot be read: the copying goes on unseen. Look at the destination vault; "
            "tracking ends after spec.tracking.deadlineSeconds."
        )
        return Statement(UNKNOWN, Reason.CANNOT_LOOK, text)
    silent = f", and tells nothing of {count_backups(seen.unseen)}" if seen.unseen else ""
    return Statement(UNKNOWN, Reason.REPLICATING, f"{text} {why}; the operation log is followed instead{silent}.")


def cannot_look(replication: Replication, failure: LookFailure | None) -> Statement:
    """Succeeded, while the records cannot be read; ``failure`` None: the operator may not, or knows not how to, look.

    The server's words of the first failure stay as long as the cause is the same: a message holds nothing that
    changes from one look to the next.
    """
    if failure is None:
        text = (
            "The copying goes on unseen: status.submission.target.endpoint may not be called (any more), or the spec "
            "names no credential. Ask the operator's administrator to allow it (CBR_OPERATOR_ALLOWED_ENDPOINTS)."
        )
        return Statement(UNKNOWN, Reason.CANNOT_LOOK, text)
    lead = _LEADS.get(failure.reason, _LEADS[Reason.ENDPOINT_UNREACHABLE])
    before = statement_of(replication.status, ConditionType.SUCCEEDED)
    same = before is not None and before.reason is Reason.CANNOT_LOOK and before.message.startswith(lead)
    text = before.message if before is not None and same else f"{lead} {sentence(failure.said)}"
    return Statement(UNKNOWN, Reason.CANNOT_LOOK, text, for_a_person=failure.for_a_person)


def ending(status: Status) -> Statement | None:
    """Succeeded, once every backup has come to its end; None while one has not."""
    summary = status.summary
    if summary is None or summary.succeeded + summary.failed + summary.skipped < summary.total:
        return None
    if summary.failed:
        return _failed(status, summary)
    if not summary.total:
        return after_submission(0, tracked=True)
    if not summary.succeeded:
        text = f"The cloud skipped {count_backups(summary.skipped)}: there was nothing to copy."
        return Statement(TRUE, Reason.NOTHING_TO_REPLICATE, text)
    skipped = f" {count_backups(summary.skipped)} needed none." if summary.skipped else ""
    text = f"{count_backups(summary.succeeded)} copied to {_destination(status)}.{skipped}"
    return Statement(TRUE, Reason.ALL_REPLICATED, text)


def _destination(status: Status) -> str:
    destination = status.destination
    return f"vault {destination.vault_id}" if destination is not None and destination.vault_id else "the destination"


def _failed(status: Status, summary: Summary) -> Statement:
    failed = [each for each in status.backups if each.state == BackupState.FAILED]
    named = "; ".join(map(_why, failed[:_NAMED]))
    more = f"; and {summary.failed - _NAMED} more, see status.backups" if summary.failed > _NAMED else ""
    if summary.succeeded:
        text = f"{summary.failed} of {count_backups(summary.total)} could not be copied: {named}{more}. {_TO_RUN_AGAIN}"
        return Statement(FALSE, Reason.PARTIALLY_FAILED, text)
    skipped = f", and {summary.skipped} needed no copy" if summary.skipped else ""
    text = f"None of {count_backups(summary.failed)} could be copied{skipped}: {named}{more}. {_TO_RUN_AGAIN}"
    return Statement(FALSE, Reason.REPLICATION_FAILED, text)


def _why(backup: Backup) -> str:
    words = ": ".join(filter(None, (backup.fail_code, backup.fail_reason.rstrip("."))))
    return f"{backup.backup_id} ({words})" if words else backup.backup_id


def given_up(replication: Replication, status: Status) -> Statement:
    """Succeeded, once spec.tracking.deadlineSeconds has passed."""
    seconds = replication.tracking.deadline_seconds
    said = statement_of(status, ConditionType.SUCCEEDED)
    unseen = f" It could not be looked at: {said.message}" if said and said.reason is Reason.CANNOT_LOOK else ""
    finished = f"{status.progress} backups had come to their end" if status.progress else "nothing was seen of it"
    text = (
        f"The copying was not over {seconds} seconds after its submission; {finished}. It goes on in the cloud, and "
        f"is no longer followed; look at the destination vault.{unseen}"
    )
    return Statement(FALSE, Reason.TRACKING_DEADLINE_EXCEEDED, text)
