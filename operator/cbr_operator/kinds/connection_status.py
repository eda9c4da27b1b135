"""The status of CBRConnection and ClusterCBRConnection."""

from typing import Annotated

from pydantic import Field

from cbr_operator.kinds.common import Condition, Model, Time


class ConnectionStatus(Model):
    """What is going on. Written by the operator alone."""

    observed_generation: int = -1
    """The generation that this status speaks of; -1 before the operator has seen the connection."""
    token_expires_at: Time | None = None
    """When the token in use ends, where that is known: expiresAt of its Secret, or what IAM said. A token from a login
    is renewed before."""
    credential_version: str = ""
    """What was refused: version of the Secret and generation of the connection. While neither has changed there is no
    new login before nextLoginTime."""
    next_login_time: Time | None = None
    """When a login that was refused is tried again: a wrong password too often would lock the user."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = ()
    """Ready: whether resources can use the connection. Reconciling and Stalled: for tools that follow kstatus."""

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, if there is one."""
        return next((each for each in self.conditions if each.type == type_), None)
