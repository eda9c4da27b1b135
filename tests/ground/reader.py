"""A reader of vaults with the parts that it works with, for tests without a cloud."""

from typing import Any

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.vault_reader import VaultReader, rooms_for_looks
from cbr_operator.ports import Clock
from ground.objects import POLICY


def credentials_of(vault: Any, clock: Clock) -> Credentials:
    """``vault`` stands for the cloud and for the API server; there are no connections."""
    return Credentials(
        kube=vault, cloud=vault, clock=clock, policy=POLICY, connections=lambda _: None, moved=lambda _: None
    )


def reader_of(vault: Any, clock: Clock, clocks: CloudClocks) -> VaultReader:
    """The same, with a reader."""
    pace, rooms = Pace(clock=clock, wake=lambda _: None), rooms_for_looks()
    credentials = credentials_of(vault, clock)
    return VaultReader(cloud=vault, clock=clock, clocks=clocks, credentials=credentials, pace=pace, rooms=rooms)
