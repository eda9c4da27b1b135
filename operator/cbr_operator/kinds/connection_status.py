"""The status of CBRConnection and ClusterCBRConnection."""

from cbr_operator.kinds.common import ConditionedStatus, Conditions, Time


class ConnectionStatus(ConditionedStatus):
    """What is going on. Written by the operator alone."""

    token_expires_at: Time | None = None
    """When the token in use ends, where that is known: expiresAt of its Secret, or what IAM said. A token from a login
    is renewed before."""
    credential_version: str = ""
    """What was refused: version of the Secret and generation of the connection. While neither has changed there is no
    new login before nextLoginTime."""
    next_login_time: Time | None = None
    """When a login that failed is tried again: 5 minutes up to an hour after IAM refused it, since a wrong password too
    often would lock the user; 10 seconds up to 5 minutes after it failed for another reason."""
    conditions: Conditions = ()
    """Ready: whether resources can use the connection. Reconciling and Stalled: for tools that follow kstatus."""
