"""CheckpointReplications and Views for tests: the documented example, with what a test wants different."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cbr_operator.kinds.common import API_VERSION, format_micro_time, format_time
from cbr_operator.kinds.replication import REPLICATIONS, Replication
from cbr_operator.ports import Credential
from cbr_operator.rules.access import parse_pattern
from cbr_operator.rules.view import Policy, View

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TOKEN = "MIIabc.DEF-123"
SOURCE = {
    "region": "region1",
    "projectID": "f841e01fd2b14e7fa41b6ae7aa6b0594",
    "vaultID": "3b5816b5-f29c-4172-9d9a-76c719a659ce",
}
DESTINATION = {
    "region": "region2",
    "projectID": "68589cac08274b82b4e254268a3862d8",
    "vaultID": "0ca3eb86-8800-46da-9c37-9d657a825274",
}
ENDPOINT = "https://cbr.region1.myhuaweicloud.com"
CREDENTIAL = Credential(owner="Secret dr/cbr-token, key token", version="7", token=TOKEN)
POLICY = Policy(
    allowed_endpoints=(parse_pattern("https://cbr.*.myhuaweicloud.com"),),
    holder="holder-of-this-process",
    led_since=NOW - timedelta(hours=1),
)

SUBMISSION = {
    "attempt": 1,
    "holder": "somebody",
    "intentTime": format_micro_time(NOW),
    "cloudTime": format_micro_time(NOW),
    "target": {"endpoint": ENDPOINT, "region": "region1", **SOURCE},
}


def spec(**changes: Any) -> dict[str, Any]:
    """A spec with a token from a Secret; ``changes`` replace its keys, None removes one."""
    whole = {"source": SOURCE, "destination": DESTINATION, "tokenSecretRef": {"name": "cbr-token"}, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def body(
    name: str = "orders",
    *,
    namespace: str = "dr",
    metadata: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An object as the API server gives it."""
    return {
        "apiVersion": API_VERSION,
        "kind": REPLICATIONS.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{name}",
            "resourceVersion": "100",
            "generation": 1,
            "creationTimestamp": "2026-03-01T11:59:00Z",
            **(metadata or {}),
        },
        "spec": spec if spec is not None else globals()["spec"](),
        "status": status if status is not None else {"observedGeneration": -1},
    }


def replication(name: str = "orders", **parts: Any) -> Replication:
    """The same, parsed."""
    return Replication.from_json(body(name, **parts))


def view(of: Replication | None = None, **parts: Any) -> View:
    """A View in which nothing holds the object: what is left to decide is the call."""
    whole: dict[str, Any] = {"credential": CREDENTIAL, "clock_offset": 0.0, "policy": POLICY, "now": NOW, **parts}
    return View(replication=of or replication(), **whole)


def submitted_as(outcome: str, **parts: Any) -> dict[str, Any]:
    """A status with a submission of this outcome."""
    return {"submission": {**SUBMISSION, "outcome": outcome, **parts}, "startTime": format_time(NOW)}
