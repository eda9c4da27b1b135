"""Label selectors, as Kubernetes has them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cbr_operator.kinds.common import Model
from cbr_operator.kinds.fields import rule, validated

_MOST = 64
# Source: Kubernetes, "Labels and Selectors", syntax and character set.
_LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
LabelKey = Annotated[str, Field(pattern=_LABEL_KEY, min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(pattern=_LABEL_VALUE, max_length=63)]
_ATOMIC = {"x-kubernetes-list-type": "atomic"}


class Requirement(Model):
    """One demand on a label."""

    key: LabelKey
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """In and NotIn ask for its value, Exists and DoesNotExist for the label alone."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=_MOST, json_schema_extra=_ATOMIC)] = ()
    """Values for In and NotIn; none for Exists and DoesNotExist."""

    model_config = ConfigDict(
        json_schema_extra=validated(
            rule(
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                "are required with In and NotIn, and only allowed then",
                field="values",
            )
        )
    )

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the demand; a label that is not there meets NotIn."""
        match self.operator:
            case "In":
                return self.key in labels and labels[self.key] in self.values
            case "NotIn":
                return self.key not in labels or labels[self.key] not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


class LabelSelector(Model):
    """What labels must be like; an empty one, written {}, takes everything."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=_MOST)] = Field(default_factory=dict)
    """Labels with just these values."""
    match_expressions: Annotated[tuple[Requirement, ...], Field(max_length=_MOST, json_schema_extra=_ATOMIC)] = ()
    """Demands on labels."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet every demand."""
        same = all(labels.get(key) == value for key, value in self.match_labels.items())
        return same and all(each.matches(labels) for each in self.match_expressions)
