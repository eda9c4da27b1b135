"""The errors of the CBR service and of the gateway before it, and the forms in which they come."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of the vendor's table: the HTTP statuses seen with it, and what it says."""

    statuses: tuple[int, ...]
    """The simulator's own rules answer with the first."""
    message: str


# The service's codes (BackupService.NNNN). The status of one code differs between releases.
SERVICE = {
    "1001": ErrorCode((500, 400), "The backup is not available."),
    "1002": ErrorCode((400, 500), "The backup type does not support replication."),
    "1003": ErrorCode((400, 500), "The backup does not contain the system disk."),
    "1004": ErrorCode((400, 500), "The backup cannot be replicated."),
    "1005": ErrorCode((400, 500), "The destination region does not support replication."),
    "1006": ErrorCode((500,), "Failed to import the replica."),
    "1007": ErrorCode((400, 500), "Failed to query the destination region."),
    "1008": ErrorCode((400, 500), "Failed to query the destination project."),
    "1009": ErrorCode((400, 500), "The backup has been replicated or is being replicated."),
    "1011": ErrorCode((400, 500), "The destination project does not support replication."),
    "1012": ErrorCode((400,), "The maximum number of replicas has been reached. No backup needs to be replicated."),
    "1013": ErrorCode((400, 500), "The backup of the system disk is missing."),
    "6105": ErrorCode((404, 400), "The vault does not exist."),
    "6112": ErrorCode((400,), "The vault status does not allow this operation."),
    "6118": ErrorCode((400, 500), "Failed to query the destination vault."),
    "6119": ErrorCode((400,), "The destination vault is not a replication vault."),
    "6120": ErrorCode((400,), "The destination vault does not exist."),
    "6122": ErrorCode((400,), "This type of resource does not support replication."),
    "6128": ErrorCode((400,), "This type of vault does not support replication."),
    "6129": ErrorCode((400,), "The capacity of the destination vault is insufficient."),
    "6130": ErrorCode((400,), "The vault is performing replication."),
    "6200": ErrorCode((404,), "The backup does not exist."),
    "8600": ErrorCode((403,), "The account has not been verified."),
    "9900": ErrorCode((400,), "The parameter is invalid."),
    "9910": ErrorCode((500,), "Unknown error."),
    "9998": ErrorCode((500,), "Authentication failed."),
}

# The gateway's codes: APIGW.NNNN, on older deployments APIG.NNNN.
GATEWAY = {
    "0101": ErrorCode((404,), "The API does not exist or has not been published in the environment."),
    "0201": ErrorCode((400, 413, 502, 504), "Backend unavailable."),
    "0301": ErrorCode((401,), "Incorrect IAM authentication information."),
    "0302": ErrorCode((403,), "The IAM user is not authorized to access the API."),
    "0305": ErrorCode((401,), "Incorrect authentication information: the token is of another region."),
    "0306": ErrorCode((403,), "API access denied."),
    "0307": ErrorCode((401,), "The token must be updated."),
    "0308": ErrorCode((429,), "The throttling threshold has been reached."),
    "0802": ErrorCode((403,), "The IAM user is forbidden in the currently selected region."),
}


class RefusedError(Exception):
    """What was asked is refused, with a code of the service or of the gateway."""

    def __init__(self, code: str, message: str = "", *, gateway: bool = False, status: int | None = None) -> None:
        row = (GATEWAY if gateway else SERVICE)[code]
        super().__init__(message or row.message)
        self.code = code
        self.message = message or row.message
        self.gateway = gateway
        self.status = status or row.statuses[0]


def service_body(code: str, message: str = "") -> dict[str, Any]:
    """The service's own form; a code outside the table (e.g. 0001) needs no message."""
    said = message or (SERVICE[code].message if code in SERVICE else "Error.")
    return {"error_code": f"BackupService.{code}", "error_msg": said}


def gateway_body(code: str, request_id: str, *, message: str = "", prefix: str = "APIGW") -> dict[str, Any]:
    """The gateway's form."""
    said = message or GATEWAY[code].message
    return {"error_code": f"{prefix}.{code}", "error_msg": said, "request_id": request_id}


def unauthorized_body(message: str = "The request you have made requires authentication.") -> dict[str, Any]:
    """The third form of a 401, seen for a resource that does not exist."""
    return {"unauthorized": {"code": "401", "message": message}}
