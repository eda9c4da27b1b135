"""A reader of vaults with the parts that it works with, for tests without a cloud."""

from typing import Any

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.vault_reader import VaultReader
from cbr_operator.ports import Clock
from ground.objects import POLICY


def reader_of(vault: Any, clock: Clock, clocks: CloudClocks) -> VaultReader:
    """``vault`` stands for the cloud and for the API server; there are no connections."""
    credentials = Credentials(
        kube=vault, cloud=vault, clock=clock, policy=POLICY, connections=lambda _: None, moved=lambda _: None
    )
    pace = Pace(clock=clock, wake=lambda _: None)
    return VaultReader(cloud=vault, clock=clock, clocks=clocks, credentials=credentials, pace=pace)
