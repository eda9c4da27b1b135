"""Laws that hold for the decision about every View."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.replication_status import Outcome
from cbr_operator.rules.lanes import place_of
from cbr_operator.rules.replication import decide
from cbr_operator.rules.view import SecretProblem, Submit
from ground.conditions import check_conditions
from ground.objects import CREDENTIAL, NOW, replication, spec, submitted_as, view

STATUSES = st.one_of(
    st.just({}),
    st.builds(
        lambda outcome, reason: submitted_as(outcome, reason=reason, nextAttemptTime=format_time(NOW)),
        st.sampled_from([*Outcome, "Odd"]),
        st.sampled_from(["", "RateLimited", "AuthenticationFailed", "EndpointUnreachable"]),
    ),
)


@given(
    status=STATUSES,
    suspend=st.booleans(),
    tracked=st.booleans(),
    credential=st.sampled_from([None, CREDENTIAL, SecretProblem("gone")]),
    offset=st.sampled_from([None, -5.0, 0.0]),
    front=st.booleans(),
    slot=st.booleans(),
    hours=st.integers(0, 100),
)
def test_laws_of_every_decision(
    *, status: Any, suspend: bool, tracked: bool, credential: Any, offset: Any, front: bool, slot: bool, hours: int
) -> None:
    found = replication(status=status, spec=spec(suspend=suspend, tracking={"enabled": tracked}))
    seen = view(
        found,
        credential=credential,
        clock_offset=offset,
        in_front=place_of(replication("older")) if front else None,
        slot_free=slot,
        now=NOW + timedelta(hours=hours),
        waiting_since=NOW,
    )
    decision = decide(seen)
    before = found.status.submission
    if isinstance(decision.action, Submit):
        assert (suspend, front, slot, credential) == (False, False, True, CREDENTIAL)
        assert before is None or before.outcome == Outcome.NOT_SUBMITTED
        assert decision.status is not None
        assert decision.status.submission == decision.action.intent
    if decision.status is not None and decision.status.conditions:
        check_conditions(decision.status)
        # Deciding again about what was just written changes nothing by itself.
        if decision.action is None:
            written = replication(status=decision.status.to_json(), spec=found_spec(suspend, tracked))
            again = decide(view(written, **{**_parts(seen), "look_failed": None}))
            assert again.status in (None, written.status) or again.action is not None


def found_spec(suspend: bool, tracked: bool) -> dict[str, Any]:  # noqa: FBT001
    return spec(suspend=suspend, tracking={"enabled": tracked})


def _parts(seen: Any) -> dict[str, Any]:
    names = ("credential", "clock_offset", "in_front", "slot_free", "now", "waiting_since", "policy")
    return {name: getattr(seen, name) for name in names}
