"""The types of fields that several specs share, each with what the API server checks of it."""

from typing import Annotated, Any

from pydantic import Field

UUID = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
_DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
YEAR = 31_536_000


def rule(expression: str, message: str, *, field: str = "") -> dict[str, str]:
    """One x-kubernetes-validations entry; ``field`` is where the API server says the mistake is."""
    return {"rule": expression, "message": message, **({"fieldPath": f".{field}"} if field else {})}


_IS_URL = rule(
    "isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''"
    " && !self.contains('@') && !self.contains('?') && !self.contains('#')"
    " && (url(self).getPort() == ''"
    " || (int(url(self).getPort()) > 0 && int(url(self).getPort()) < 65536))",
    "must be a URL such as https://host.example.com, without user information, query or fragment",
)


def validated(*rules: dict[str, str]) -> dict[str, Any]:
    """What pydantic needs to carry these rules into a schema."""
    return {"x-kubernetes-validations": list(rules)}


Id = Annotated[str, Field(pattern=UUID, min_length=32, max_length=36)]
# Source: "Replicating a Restore Point", destination_region: 0 to 255 characters of this set.
Region = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._\-]+$", min_length=1, max_length=255)]
Name = Annotated[str, Field(pattern=_DNS_SUBDOMAIN, min_length=1, max_length=253)]
SecretKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]
Seconds = Annotated[int, Field(ge=1, le=YEAR)]
Url = Annotated[str, Field(max_length=512, json_schema_extra=validated(_IS_URL))]
