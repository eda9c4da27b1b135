"""Which connection a CheckpointReplication uses, what a call through it goes to, and whether it may use it.

Permission is asked for as long as nothing is submitted. What has been submitted is followed whatever was taken away
since: the copying goes on, and nobody is helped by not looking.
"""

from collections.abc import Mapping, Sequence

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, Connection, ConnectionKey
from cbr_operator.kinds.connection_spec import (
    AllowedDestination,
    AllowedNamespaces,
    AllowedSource,
    ClusterConnectionSpec,
    ConnectionSpec,
)
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_spec import Destination
from cbr_operator.kinds.replication_status import Target
from cbr_operator.rules.access import EndpointPattern, endpoint_of_region, iam_endpoint_of_region
from cbr_operator.rules.addresses import AddressRules, refusal

_GOES_ON = "it goes on by itself then."


def connection_of(replication: Replication) -> ConnectionKey | None:
    """The connection that the object names."""
    spec = replication.spec
    if spec is None or spec.connection_ref is None:
        return None
    reference = spec.connection_ref
    cluster_wide = reference.kind == CLUSTER_CONNECTIONS.kind
    return ConnectionKey(reference.kind, "" if cluster_wide else replication.metadata.namespace, reference.name)


def connection_owner(uid: str) -> str:
    """Whose the credentials of a connection are: refusals hold all calls with the same owner."""
    return f"connection {uid}"


def endpoint_of(spec: ConnectionSpec) -> str:
    """Where CBR answers: what is written, else what the region implies."""
    return spec.endpoint or endpoint_of_region(spec.region)


def iam_endpoint_of(spec: ConnectionSpec) -> str:
    """Where IAM answers; empty where nobody logs in."""
    if spec.auth.password is None:
        return ""
    return spec.auth.password.iam_endpoint or iam_endpoint_of_region(spec.region)


def voucher_of(connection: Connection) -> str:
    """The namespace that decides who answers to calls through this connection; empty where no tenant does.

    It is the namespace, not the connection: connections of one namespace are in the same hands, and what is made
    through them keeps one lane and one set of claims, also when a connection is made anew.
    """
    spec = connection.spec
    if spec is None or connection.is_cluster_wide or not (spec.proxy_url or spec.ca_bundle):
        return ""
    return connection.metadata.namespace


def target_through(replication: Replication, connection: Connection) -> Target | None:
    """What a call for this object goes to; the source's region and project are the connection's unless it says so."""
    if replication.spec is None or connection.spec is None:
        return None
    source, spec = replication.spec.source, connection.spec
    return Target(
        endpoint=endpoint_of(spec),
        region=source.region or spec.region,
        project_id=source.project_id or spec.project_id,
        vault_id=source.vault_id,
        connection_uid=connection.metadata.uid,
        vouched_by=voucher_of(connection),
    )


def url_refusal(spec: ConnectionSpec, patterns: tuple[EndpointPattern, ...], rules: AddressRules) -> str:
    """Which URL of a connection may not be called, and why; empty when all may."""
    urls = {
        "spec.endpoint" if spec.endpoint else "The endpoint derived from spec.region": endpoint_of(spec),
        "spec.auth.password.iamEndpoint, or the one derived from spec.region": iam_endpoint_of(spec),
        "spec.proxyURL": spec.proxy_url,
    }
    refused = {place: (url, why) for place, url in urls.items() if url and (why := refusal(url, patterns, rules))}
    for place, (url, why) in refused.items():
        return f"{place}, {url}, may not be called: {why}."
    return ""


def unusable(key: ConnectionKey, connection: Connection | None, *, region: str) -> tuple[str, bool]:
    """Why an object whose source is in ``region`` cannot use this connection, and whether only a person can help.

    Empty when it can, as far as the connection itself tells.
    """
    place = f" in namespace {key.namespace!r}" if key.namespace else ""
    if connection is None:
        return f"{key} does not exist{place}. Create it; {_GOES_ON}", False
    if connection.metadata.deletion_timestamp is not None:
        return f"{key} is being deleted. Create it anew; {_GOES_ON}", False
    if connection.spec is None:
        return f"{key} cannot be read ({connection.spec_error}). Mend it; {_GOES_ON}", True
    if region and comparable_id(region) != comparable_id(connection.spec.region):
        return (
            f"{key} is for region {connection.spec.region}, and spec.source.region is {region}. Name a connection of "
            f"that region in a new resource, or change the connection; {_GOES_ON}"
        ), True
    return "", False


def denial(
    connection: Connection, target: Target, destination: Destination, *, namespace: str, labels: Mapping[str, str]
) -> tuple[Reason, str] | None:
    """What a ClusterCBRConnection does not allow to an object of this namespace, with its reason; None: it may."""
    spec = connection.spec
    if not isinstance(spec, ClusterConnectionSpec):
        return None
    if not _is_open_to(spec.allowed_namespaces, labels):
        what = f"is not open to namespace {namespace!r} (spec.allowedNamespaces)"
        return Reason.NAMESPACE_NOT_ALLOWED, _denied(connection, what)
    if not _has_source(spec.allowed_sources, target):
        what = f"does not allow source vault {target.vault_id} of project {target.project_id} (spec.allowedSources)"
        return Reason.SOURCE_NOT_ALLOWED, _denied(connection, what)
    if not _has_destination(spec.allowed_destinations, destination):
        what = (
            f"does not allow destination vault {destination.vault_id} of project {destination.project_id} in region "
            f"{destination.region} (spec.allowedDestinations)"
        )
        return Reason.DESTINATION_NOT_ALLOWED, _denied(connection, what)
    return None


def _denied(connection: Connection, what: str) -> str:
    return f"{connection.key} {what}. Nothing was sent. Ask whoever administers it to allow it; {_GOES_ON}"


def _is_open_to(allowed: AllowedNamespaces | None, labels: Mapping[str, str]) -> bool:
    """Closed unless opened: without a word about namespaces, and with a selector that is missing or empty."""
    if allowed is None:
        return False
    selector = allowed.selector
    if allowed.from_ == "All" or selector is None:
        return allowed.from_ == "All"
    return bool(selector.match_labels or selector.match_expressions) and selector.matches(labels)


def _has_source(allowed: Sequence[AllowedSource] | None, target: Target) -> bool:
    return allowed is None or any(
        _same(each.project_id, target.project_id) and _is_among(each.vault_ids, target.vault_id) for each in allowed
    )


def _has_destination(allowed: Sequence[AllowedDestination] | None, destination: Destination) -> bool:
    return allowed is None or any(
        each.region.lower() == destination.region.lower()
        and _same(each.project_id, destination.project_id)
        and _is_among(each.vault_ids, destination.vault_id)
        for each in allowed
    )


def _same(one: str, other: str) -> bool:
    return comparable_id(one) == comparable_id(other)


def _is_among(ids: Sequence[str] | None, wanted: str) -> bool:
    return ids is None or any(_same(each, wanted) for each in ids)
