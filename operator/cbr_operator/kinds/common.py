"""What every kind shares: how its models are spelt in JSON, times, conditions, metadata."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

P = TypeVar("P", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)

GROUP = "cbr-operator.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind, as the API server's paths and object references need it."""

    kind: str
    plural: str
    namespaced: bool = True
    group: str = GROUP
    """Empty for the core kinds."""
    version: str = VERSION

    @property
    def api_version(self) -> str:
        """As in an object's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version


# Words that the Kubernetes API conventions keep in capitals inside a name.
_INITIALISMS = {"id": "ID", "ids": "IDs", "url": "URL", "uid": "UID"}


def json_name(field: str) -> str:
    """The name of a Python field in JSON: ``project_id`` is ``projectID``.

    Source: Kubernetes API conventions, "Naming conventions".
    """
    first, *rest = field.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


class Model(BaseModel):
    """A frozen piece of a Kubernetes object; keys it does not know are ignored, as a newer CRD may have them."""

    model_config = ConfigDict(
        alias_generator=json_name, populate_by_name=True, frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    def to_json(self) -> dict[str, Any]:
        """The JSON form, without what is not set or empty; numbers stay, 0 included."""
        filled: dict[str, Any] = _without_empty(self.model_dump(mode="json", by_alias=True, exclude_none=True))
        return filled


def _without_empty(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: inner for key, inner in ((key, _without_empty(each)) for key, each in value.items()) if inner not in _EMPTY
    }


_EMPTY: tuple[Any, ...] = ("", [], {})


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """A moment as Kubernetes writes it (metav1.Time): UTC, whole seconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(value: datetime) -> str:
    """A moment with microseconds (metav1.MicroTime), for what is compared and not only shown."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(format_time, when_used="json")]
MicroTime = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(format_micro_time, when_used="json")]


class Condition(Model):
    """One condition, as metav1.Condition has it."""

    type: str
    """What it is about."""
    status: str
    """True, False or Unknown."""
    reason: str
    """Why, in one word for machines."""
    message: str = ""
    """What happened, what follows and, where a person must act, what to do."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: int = 0
    """The generation that it speaks of."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class ConditionedStatus(Model):
    """What the status of every kind has."""

    observed_generation: int = -1
    """The generation that this status speaks of; -1 before the operator has seen the resource."""
    conditions: Conditions = ()
    """What is going on, in the words that Kubernetes tools understand."""

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, if there is one."""
        return next((each for each in self.conditions if each.type == type_), None)


class OwnerReference(Model):
    """Whom an object belongs to."""

    kind: str
    name: str
    uid: str


class Metadata(Model):
    """The part of an object's metadata that decisions rest on."""

    name: str
    namespace: str = ""
    uid: str
    resource_version: str
    generation: int = 1
    creation_timestamp: Time
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


def comparable_id(value: str) -> str:
    """An id in the form in which ids are compared: without dashes, in lower case."""
    return value.replace("-", "").lower()


def read_object(body: dict[str, Any], spec: type[P], status: type[S]) -> tuple[Metadata, P | None, str, S]:
    """The parts of an object; a spec that cannot be read is None, and the text after it says what is wrong, and where.

    Raises:
        pydantic.ValidationError: its metadata or its status cannot be read.
    """
    metadata = Metadata.model_validate(body["metadata"])
    told = status.model_validate(body.get("status") or {})
    try:
        return metadata, spec.model_validate(body.get("spec") or {}), "", told
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("spec", *first["loc"]))
        return metadata, None, f"{place}: {first['msg']}", told
