"""What a template says of the objects that are made from it, beside their spec."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from cbr_operator.kinds.common import GROUP, Model
from cbr_operator.kinds.selector import LabelValue

_KEYS = {
    "rule": r"self.all(key, key.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}"
    rf"[a-zA-Z0-9])?$') && !key.startsWith('{GROUP}/'))",
    "message": f"each key must be a qualified name such as team or example.com/team; {GROUP}/ is the operator's own",
}
_BOUNDED: dict[str, Any] = {"maxProperties": 64, "x-kubernetes-validations": [_KEYS]}


class TemplateMetadata(Model):
    """Labels and annotations of what is made."""

    labels: Annotated[dict[str, LabelValue], Field(json_schema_extra=_BOUNDED)] = Field(default_factory=dict)
    """Labels of what is made, beside the operator's own."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=16_384)]], Field(json_schema_extra=_BOUNDED)] = (
        Field(default_factory=dict)
    )
    """Annotations of what is made, beside the operator's own."""


class AsWritten:
    """Marks a ``dict`` that keeps every key as it was written, while the API server checks it like a model.

    A template may hold keys that only a newer version knows; what is made from it gets them all.
    """

    def __init__(self, schema_of: Callable[[], CoreSchema]) -> None:
        self._schema_of = schema_of

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the model, in place of "any object"."""
        return handler(self._schema_of())
