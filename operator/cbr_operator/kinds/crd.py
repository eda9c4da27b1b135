"""CustomResourceDefinitions from the models: what the API server refuses and explains is written down once."""

from typing import Any

import yaml

from cbr_operator.kinds.common import GROUP, Model, ResourceKind
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS
from cbr_operator.kinds.connection_spec import ClusterConnectionSpec, ConnectionSpec
from cbr_operator.kinds.connection_status import ConnectionStatus
from cbr_operator.kinds.policy import LONGEST_NAME as LONGEST_POLICY_NAME
from cbr_operator.kinds.policy import POLICIES, PolicySpec, PolicyStatus
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.kinds.replication_status import Status
from cbr_operator.kinds.schedule import LONGEST_NAME, SCHEDULES, ScheduleSpec, ScheduleStatus

Json = dict[str, Any]

_HEADER = "# Generated from the models in operator/cbr_operator/kinds by `make crds`; do not edit.\n"
# What stays of pydantic's JSON schema: the rest (title, $defs, discriminators) is not part of a structural schema.
_KEPT = (
    "type",
    "description",
    "format",
    "pattern",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
)
_EMPTY: tuple[Any, ...] = ("", None, [], {})
_READY = f".status.conditions[?(@.type=='{ConditionType.READY}')]"


def all_crds() -> list[Json]:
    """Every CustomResourceDefinition."""
    return [_replication(), _connection(), _cluster_connection(), _schedule(), _policy()]


def render() -> dict[str, str]:
    """File name to YAML text for every CustomResourceDefinition, in a stable order."""
    return {
        f"{GROUP}_{crd['spec']['names']['plural']}.yaml": _HEADER
        + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
        for crd in all_crds()
    }


def _replication() -> Json:
    succeeded = f".status.conditions[?(@.type=='{ConditionType.SUCCEEDED}')]"
    return _definition(
        REPLICATIONS,
        short="cpr",
        description=(
            "CheckpointReplication copies the backups of one vault to a vault in another region: the cloud is asked "
            "once, at most, and every backup is followed to its end. Like a Job it runs once: to copy again, create "
            "another. "
            "Resources restored from a backup of the cluster are held until their label velero.io/restore-name is "
            "removed, since the original may have been submitted. Deleting one never ends the copying."
        ),
        spec=Spec,
        status=Status,
        columns=[
            _column("Status", f"{succeeded}.reason"),
            _column("Destination", ".spec.destination.region"),
            _column("Backups", ".status.progress"),
            _column("Age", ".metadata.creationTimestamp", type_="date"),
            _column("Vault", ".spec.source.vaultID", priority=1),
            _column("Message", f"{succeeded}.message", priority=1),
        ],
    )


def _connection() -> Json:
    return _definition(
        CONNECTIONS,
        short="cbrconn",
        description=(
            "CBRConnection says how to reach and authenticate to CBR, for the CheckpointReplications of its namespace. "
            "Its Secrets are read from this namespace alone, just before use."
        ),
        spec=ConnectionSpec,
        status=ConnectionStatus,
        columns=_connection_columns(),
    )


def _cluster_connection() -> Json:
    return _definition(
        CLUSTER_CONNECTIONS,
        short="ccbrconn",
        description=(
            "ClusterCBRConnection says how to reach and authenticate to CBR, for many namespaces, and who may use it "
            "and what for. Its Secrets are read from the operator's own namespace alone. Not available while the "
            "operator watches only some namespaces (CBR_OPERATOR_NAMESPACES)."
        ),
        spec=ClusterConnectionSpec,
        status=ConnectionStatus,
        columns=_connection_columns(),
    )


def _connection_columns() -> list[Json]:
    return [
        _column("Ready", f"{_READY}.status"),
        _column("Reason", f"{_READY}.reason"),
        _column("Region", ".spec.region"),
        _column("Expires", ".status.tokenExpiresAt"),  # as type date kubectl would show the past only
        _column("Age", ".metadata.creationTimestamp", type_="date"),
        _column("Endpoint", ".spec.endpoint", priority=1),
        _column("Message", f"{_READY}.message", priority=1),
    ]


def _schedule() -> Json:
    return _definition(
        SCHEDULES,
        short="cprsched",
        description=(
            "CheckpointReplicationSchedule creates a CheckpointReplication at each time of its cron line; like a "
            "CronJob. A time never runs twice; after an absence of the operator at most one run is made up for. "
            "Nothing runs when a Schedule is created, resumed or changed."
        ),
        spec=ScheduleSpec,
        status=ScheduleStatus,
        columns=[
            _column("Schedule", ".spec.schedule"),
            _column("TimeZone", ".spec.timeZone"),
            _column("Suspend", ".spec.suspend", type_="boolean"),
            _column("Active", ".status.activeCount", type_="integer"),
            _column("Last Success", ".status.lastSuccessfulTime", type_="date"),
            _column("Newest Copy", ".status.newestCopyTime", type_="date"),
            # A moment to come: kubectl shows an age as "date", and <invalid> for what is not over yet.
            _column("Next", ".status.nextScheduleTime"),
            _column("Age", ".metadata.creationTimestamp", type_="date"),
            _column("Status", f"{_READY}.reason", priority=1),
            _column("Message", f"{_READY}.message", priority=1),
        ],
        longest_name=LONGEST_NAME,
    )


def _policy() -> Json:
    definition = _definition(
        POLICIES,
        short="ccrp",
        description=(
            "ClusterCheckpointReplicationPolicy keeps a CheckpointReplicationSchedule for each pair of vaults in every "
            "namespace that it selects, those to come included. A Schedule whose namespace or pair is no longer "
            "selected, or whose policy is deleted, is suspended, and deleted once none of its runs is unfinished."
        ),
        spec=PolicySpec,
        status=PolicyStatus,
        columns=[
            _column("Namespaces", ".status.namespaces.selected", type_="integer"),
            _column("Schedules", ".status.schedules", type_="integer"),
            _column("Ready", f"{_READY}.status"),
            _column("Newest Copy", ".status.newestCopyTime", type_="date"),
            _column("Age", ".metadata.creationTimestamp", type_="date"),
            _column("Failed", ".status.namespaces.failed", type_="integer", priority=1),
            _column("Message", f"{_READY}.message", priority=1),
        ],
        longest_name=LONGEST_POLICY_NAME,
    )
    _leave_out_vaults(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return definition


def _leave_out_vaults(schema: Json) -> None:
    """In a policy's template the vaults are missing: they come from the pairs. The source may be missing whole."""
    parts = ("spec", "scheduleTemplate", "spec", "replicationTemplate", "spec")
    for part in parts:
        schema = schema["properties"][part]
    for end in ("source", "destination"):
        inner = schema["properties"][end]
        del inner["properties"]["vaultID"]
        inner["required"] = [each for each in inner["required"] if each != "vaultID"]
    del schema["properties"]["source"]["required"]
    schema["properties"]["source"]["default"] = {}
    schema["required"].remove("source")


def _definition(  # noqa: PLR0913 - what tells one kind from another
    kind: ResourceKind,
    *,
    short: str,
    description: str,
    spec: type[Model],
    status: type[Model],
    columns: list[Json],
    longest_name: int | None = None,
) -> Json:
    schema: Json = {
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(spec, defaults=True),
            # "No status yet" is success to kstatus; -1 is never a generation, so a new object is in progress until
            # we speak.
            "status": {**structural(status, defaults=False), "default": {"observedGeneration": -1}},
        },
    }
    if longest_name is not None:
        schema["x-kubernetes-validations"] = [
            {
                "rule": f"self.metadata.name.size() <= {longest_name}",
                "message": f"metadata.name: must have at most {longest_name} characters: what is made from it is "
                "named after it",
            }
        ]
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [short],
                "categories": ["cbr"],
            },
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _column(name: str, path: str, *, type_: str = "string", priority: int = 0) -> Json:
    return {"name": name, "type": type_, "jsonPath": path, "priority": priority}


def structural(model: type[Model], *, defaults: bool) -> Json:
    """The structural schema of a model: references inlined, "or null" dropped, only what the API server knows.

    ``defaults``: let the API server fill in default values. A status must not be: an absent field says something.
    """
    whole = model.model_json_schema(by_alias=True)
    return _convert(whole, whole.get("$defs", {}), defaults=defaults)


def _convert(schema: Json, definitions: Json, *, defaults: bool) -> Json:
    schema = _resolved(schema, definitions)
    result: Json = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        result |= {"type": "string", "enum": [schema["const"]]}
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "items" in schema:
        result["items"] = _convert(schema["items"], definitions, defaults=defaults)
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _convert(schema["additionalProperties"], definitions, defaults=defaults)
    if "properties" in schema:
        properties = schema["properties"].items()
        result["properties"] = {name: _convert(inner, definitions, defaults=defaults) for name, inner in properties}
    if defaults and schema.get("default") not in _EMPTY:
        result["default"] = schema["default"]
    elif defaults and _is_all_defaults(result):
        result["default"] = {}
    return result | {key: value for key, value in schema.items() if key.startswith("x-kubernetes-")}


def _resolved(schema: Json, definitions: Json) -> Json:
    """``schema`` with its reference, and "this or null", replaced by what they stand for."""
    if "anyOf" in schema:
        [only] = [each for each in schema["anyOf"] if each.get("type") != "null"]
        schema = {**only, **{key: value for key, value in schema.items() if key != "anyOf"}}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _is_all_defaults(schema: Json) -> bool:
    """An object all of whose fields have defaults, such as spec.tracking: shown in full even when left out."""
    properties = schema.get("properties", {})
    return bool(properties) and all("default" in each for each in properties.values())
