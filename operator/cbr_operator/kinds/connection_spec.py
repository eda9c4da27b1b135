"""The specs of CBRConnection and ClusterCBRConnection. The docstrings are what ``kubectl explain`` shows."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cbr_operator.kinds.common import Model
from cbr_operator.kinds.fields import Id, Name, Region, SecretKey, Url, rule, validated
from cbr_operator.kinds.selector import LabelSelector

_MOST_ENTRIES = 64
_MOST_VAULTS = 256
_ATOMIC = {"x-kubernetes-list-type": "atomic"}
_MOST_REQUESTS = 1000

# Source: IAM API reference, "Obtaining a User Token Through Password Authentication": names of 1 to 64 characters.
Account = Annotated[str, Field(min_length=1, max_length=64)]
VaultIds = Annotated[tuple[Id, ...], Field(min_length=1, max_length=_MOST_VAULTS, json_schema_extra=_ATOMIC)]


class TokenSecret(Model):
    """A Secret with a token."""

    name: Name
    """Name of the Secret: in the connection's namespace, or the operator's for a ClusterCBRConnection."""
    key: SecretKey = "token"
    """Key in the Secret that holds the token. Its optional key "expiresAt" says when the token ends (RFC 3339): it is
    then shown in the status, and the connection says so two hours before."""


class PasswordSecret(Model):
    """A Secret with a password."""

    name: Name
    """Name of the Secret: in the connection's namespace, or the operator's for a ClusterCBRConnection."""
    key: SecretKey = "password"
    """Key in the Secret that holds the password."""


class AccessKeySecret(Model):
    """A Secret with an access key, in its keys accessKey and secretKey; for a temporary one also securityToken."""

    name: Name
    """Name of the Secret: in the connection's namespace, or the operator's for a ClusterCBRConnection."""


class TokenAuth(Model):
    """A token that somebody else renews."""

    secret_ref: TokenSecret
    """The Secret that holds the project-scoped token (X-Auth-Token). It is read just before use."""


class PasswordAuth(Model):
    """A login at IAM: the operator gets project-scoped tokens by itself and renews them."""

    iam_endpoint: Url = ""
    """URL of IAM, e.g. "https://iam.cn-north-4.myhuaweicloud.com". Absent: derived from region. Only what the
    operator's administrator allows."""
    domain_name: Account
    """Name of the account (domain) that the IAM user belongs to."""
    user_name: Account
    """Name of the IAM user. Give the operator a user of its own: a wrong password locks it, and nobody else."""
    secret_ref: PasswordSecret
    """The Secret that holds the user's password."""


class AccessKeyAuth(Model):
    """An access key (AK/SK): each request is signed, and no token is needed."""

    secret_ref: AccessKeySecret
    """The Secret that holds the key."""


class Auth(Model):
    """How to authenticate: exactly one of token, password and accessKey."""

    token: TokenAuth | None = None
    """A token in a Secret, which somebody else renews."""
    password: PasswordAuth | None = None
    """User name and password: the operator logs in, once for all, and renews its token before it ends."""
    access_key: AccessKeyAuth | None = None
    """An access key in a Secret: each request is signed."""

    model_config = ConfigDict(
        json_schema_extra=validated(
            rule(
                "[has(self.token), has(self.password), has(self.accessKey)].filter(given, given).size() == 1",
                "exactly one of token, password and accessKey is required",
            )
        )
    )


class CertificateRef(Model):
    """A key of a Secret or a ConfigMap that holds certificates."""

    name: Name
    """Its name: in the connection's namespace, or the operator's for a ClusterCBRConnection."""
    key: SecretKey = "ca.crt"
    """Its key that holds the certificates, PEM."""


class CABundle(Model):
    """Certificates to trust: exactly one of secretRef and configMapRef."""

    secret_ref: CertificateRef | None = None
    """A Secret that holds them."""
    config_map_ref: CertificateRef | None = None
    """A ConfigMap that holds them."""

    model_config = ConfigDict(
        json_schema_extra=validated(
            rule(
                "has(self.secretRef) != has(self.configMapRef)",
                "exactly one of secretRef and configMapRef is required",
            )
        )
    )


class ConnectionSpec(Model):
    """How to reach and authenticate to CBR in one region.

    It may be changed at any time: what has not been submitted uses it as it is then; what has been submitted is
    followed at the endpoint that was called.
    """

    endpoint: Url = ""
    """URL of the region's CBR endpoint, e.g. "https://cbr.cn-north-4.myhuaweicloud.com". Absent: derived from region.
    Only what the operator's administrator allows."""
    region: Region
    """Region that the endpoint belongs to, e.g. "cn-north-4": the source region of what uses the connection."""
    project_id: Id
    """Id of the project in that region: the source project of what uses the connection and names no other."""
    auth: Auth
    """How to authenticate: exactly one of token, password and accessKey."""
    ca_bundle: CABundle | None = None
    """Certificates to trust beside the system's and the operator's own (CBR_OPERATOR_CA_FILE). Verification itself
    cannot be switched off."""
    proxy_url: Url = ""
    """URL of an HTTP proxy to go through, e.g. "http://proxy.example.com:3128". Only what the operator's administrator
    allows. Absent: the proxy of the operator's environment (HTTPS_PROXY, NO_PROXY), if there is one."""
    requests_per_second: Annotated[int, Field(ge=1, le=_MOST_REQUESTS)] = 10
    """How many requests a second are made with this connection at most, by all of its resources together; the vaults
    take turns."""


class AllowedNamespaces(Model):
    """Which namespaces may use the connection."""

    from_: Literal["All", "Selector"]
    """All namespaces, or those that the selector matches."""
    selector: LabelSelector | None = None
    """Labels of the namespaces that may use it. Required with from: Selector, and only then."""

    model_config = ConfigDict(
        json_schema_extra=validated(
            rule(
                "has(self.selector) == (self.from == 'Selector')",
                "is required with from: Selector, and only allowed then",
                field="selector",
            ),
            rule(
                "!has(self.selector) || (has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0)"
                " || (has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0)",
                "matchLabels or matchExpressions must name something; from: All opens it to all",
                field="selector",
            ),
        )
    )


class AllowedSource(Model):
    """Source vaults of one project."""

    project_id: Id
    """Id of the source project."""
    vault_ids: VaultIds | None = None
    """Ids of its vaults; absent: all of them."""


class AllowedDestination(Model):
    """Destination vaults of one project in one region."""

    region: Region
    """Destination region."""
    project_id: Id
    """Id of the project there."""
    vault_ids: VaultIds | None = None
    """Ids of its vaults; absent: all of them."""


class ClusterConnectionSpec(ConnectionSpec):
    """How to reach and authenticate to CBR in one region, for many namespaces, and who may use it and what for.

    Its Secrets and ConfigMaps lie in the operator's own namespace, where tenants cannot reach them. Without
    allowedNamespaces nobody may use it. Taking a permission away holds what has not been submitted yet; what has been
    submitted goes on and is followed.
    """

    allowed_namespaces: AllowedNamespaces | None = None
    """Which namespaces may use the connection; absent: none."""
    allowed_sources: (
        Annotated[tuple[AllowedSource, ...], Field(min_length=1, max_length=_MOST_ENTRIES, json_schema_extra=_ATOMIC)]
        | None
    ) = None
    """Which source vaults may be copied with it; absent: any that its credentials reach."""
    allowed_destinations: (
        Annotated[
            tuple[AllowedDestination, ...], Field(min_length=1, max_length=_MOST_ENTRIES, json_schema_extra=_ATOMIC)
        ]
        | None
    ) = None
    """Which vaults may be copied to; absent: any."""
