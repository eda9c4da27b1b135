"""What holds for the conditions of every status that the operator writes."""

from cbr_operator.kinds.reasons import ALLOWED
from cbr_operator.kinds.replication_status import Status
from ground.objects import TOKEN


def check_conditions(status: Status) -> None:
    """Fail unless the conditions are such as docs/kinds allows."""
    for type_, allowed in ALLOWED.items():
        found = status.condition(type_)
        if found is not None:
            assert found.reason in allowed[found.status], found
            assert found.message
            assert TOKEN not in found.message
    kinds = {each.type for each in status.conditions}
    assert not {"Reconciling", "Stalled"} <= kinds
    succeeded = status.condition("Succeeded")
    assert succeeded is not None
    assert (status.completion_time is not None) == (succeeded.status != "Unknown")
    assert ("Stalled" in kinds) >= (succeeded.status == "False")
