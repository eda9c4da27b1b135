"""CustomResourceDefinitions from the models: what the API server refuses and explains is written down once."""

from typing import Any

import yaml

from cbr_operator.kinds.common import GROUP, Model, ResourceKind
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.kinds.replication_status import Status

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
    "maxItems",
    "required",
)
_EMPTY: tuple[Any, ...] = ("", None, [], {})


def all_crds() -> list[Json]:
    """Every CustomResourceDefinition."""
    return [_replication()]


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


def _definition(
    kind: ResourceKind, *, short: str, description: str, spec: type[Model], status: type[Model], columns: list[Json]
) -> Json:
    schema = {
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
