"""How the simulated cloud behaves as a whole."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be chosen, also while it runs. Times are seconds."""

    copy_seconds: float = 0.0
    """How long one backup is copied; with 0 a record is ``success`` at once."""
    latency: float = 0.0
    """Added to every answer, after the call took effect."""
    fault_rate: float = 0.0
    """The share of the calls with which something goes wrong by chance."""
    clock_offset: float = 0.0
    """The cloud's clock minus this machine's. Moving it forward also lets copies end."""
    date_header: bool = True
    valid_tokens: Collection[str] | None = None
    """The tokens that are accepted; None accepts any that is not empty."""
    refused_tokens: Collection[str] = ()
    """Tokens that have expired."""
    gateway_prefix: str = "APIGW"
    """APIG on older deployments."""
    empty_vault_code: str = ""
    """Not documented: a vault without backups gets this error code, or with "" an answer with no backups."""
    same_region_code: str = "9900"
    """Not documented: the error code for a destination in the source's region."""
    already_replicated_code: str = "1012"
    """1009 or 1012: said when every backup has a replica in the destination region."""
    refuses_acceleration_key: bool = False
    """Some deployments do not know ``enable_acceleration``."""
    records_visible_after: float = 0.0
    """How long a new replication record stays out of sight."""
    shows_records: bool = True
    """False: the key ``replication_records`` does not exist (Open Telekom Cloud)."""
    has_operation_logs: bool = True
    """False: the gateway does not know the operation log."""
    time_form: Literal["naive", "offset", "zulu"] = "naive"
    """How a record's time is written: without a zone (it is UTC), with +00:00, or in whole seconds with Z."""
    extra_info_as_text: bool = False
    """A record's ``extra_info`` is a string that holds JSON."""
