"""Label selectors, as metav1.LabelSelector has them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from cbr_operator.kinds.common import Model
from cbr_operator.kinds.template import LabelValue

_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$"


class SelectorRequirement(Model):
    """One requirement on a label."""

    key: Annotated[str, Field(pattern=_KEY, min_length=1, max_length=317)]
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with the values."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=100)] = ()
    """Values for In and NotIn, which need at least one; none for Exists and DoesNotExist."""

    @staticmethod
    def _schema(schema: dict[str, Any]) -> None:
        schema["x-kubernetes-validations"] = [
            {
                "rule": "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0"
                " : !has(self.values) || size(self.values) == 0",
                "message": "values are required with In and NotIn, and not allowed with Exists and DoesNotExist",
            }
        ]

    model_config = ConfigDict(json_schema_extra=_schema)


class LabelSelector(Model):
    """What labels must be like; an empty one, written {}, takes everything."""

    match_labels: Annotated[dict[str, LabelValue], Field(json_schema_extra={"maxProperties": 64})] = Field(
        default_factory=dict
    )
    """Labels with their values; all of them must be there."""
    match_expressions: Annotated[tuple[SelectorRequirement, ...], Field(max_length=32)] = ()
    """Requirements on labels; all of them must hold."""

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether labels meet every requirement."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            _meets(labels, each) for each in self.match_expressions
        )


def _meets(labels: dict[str, str], requirement: SelectorRequirement) -> bool:
    """One requirement; as in Kubernetes, NotIn holds where the label is missing."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
