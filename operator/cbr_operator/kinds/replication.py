"""CheckpointReplication: one submission, followed to its end; like a Job."""

from typing import Any, Self

from cbr_operator.kinds.common import Metadata, Model, ResourceKind, read_object
from cbr_operator.kinds.replication_spec import Spec, SubmissionSpec, TrackingSpec
from cbr_operator.kinds.replication_status import Status

REPLICATIONS = ResourceKind(kind="CheckpointReplication", plural="checkpointreplications")
RESTORED_LABEL = "velero.io/restore-name"


class Replication(Model):
    """A CheckpointReplication as read from the API server.

    ``spec`` is None when it does not parse; ``spec_error`` then says why. Metadata and status are kept all the
    same: what was submitted must be followed whatever a later schema thinks of its spec.
    """

    metadata: Metadata
    spec: Spec | None
    spec_error: str = ""
    status: Status

    @property
    def tracking(self) -> TrackingSpec:
        """Whether and how long to follow the copying; the defaults where the spec cannot be read."""
        return self.spec.tracking if self.spec is not None else TrackingSpec()

    @property
    def submission_limits(self) -> SubmissionSpec:
        """How long to try to submit; the defaults where the spec cannot be read."""
        return self.spec.submission if self.spec is not None else SubmissionSpec()

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """Read an object; only metadata or a status that cannot be read raise ``pydantic.ValidationError``."""
        metadata, spec, spec_error, status = read_object(body, Spec, Status)
        return cls(metadata=metadata, spec=spec, spec_error=spec_error, status=status)
