"""From a Secret as read to a credential, or to what a person must mend in it."""

import re

from cbr_operator.ports import Credential, Route, SecretData
from cbr_operator.rules.view import SecretProblem

# RFC 9110 section 5.5: what may stand in a header field, less the space that a token never holds.
USABLE = re.compile(r"[\x21-\x7e]+")


def credential_of(secret: SecretData | None, *, namespace: str, name: str, key: str) -> Credential | SecretProblem:
    """The token in this key of the Secret, surrounding white space stripped; ``secret`` None: there is none."""
    place = f"Secret {name!r} in namespace {namespace!r}"
    if secret is None:
        return SecretProblem(f"{place} does not exist. Create it with the token in its key {key!r}; {_GOES_ON}")
    if key not in secret.data:
        return SecretProblem(f"{place} has no key {key!r}. Put the token there; {_GOES_ON}")
    token = secret.data[key].decode("latin-1").strip()
    if not token:
        return SecretProblem(f"Key {key!r} of {place} is empty. Put the token there; {_GOES_ON}")
    if not USABLE.fullmatch(token):
        return SecretProblem(
            f"Key {key!r} of {place} holds a line break, a blank or another character that no token has. Put the "
            f"token there alone; {_GOES_ON}"
        )
    owner, route = f"Secret {namespace}/{name}, key {key}", Route(namespace=namespace)
    return Credential(owner=owner, version=secret.resource_version, token=token, route=route)


def unreadable(*, namespace: str, name: str, why: str) -> SecretProblem:
    """The API server did not show the Secret: the operator's rights, or the server itself, are the matter."""
    return SecretProblem(
        f"Secret {name!r} in namespace {namespace!r} cannot be read: {why}. Check that the operator may get Secrets "
        f"in this namespace; {_GOES_ON}"
    )


_GOES_ON = "it is looked at again every 10 seconds and goes on by itself."
