"""How each object spells the one vault: a mark by which its calls are known, and the same place for the operator."""

from ground.objects import SOURCE

ENDPOINT = "https://cbr.region1.myhuaweicloud.com"
OTHER_ENDPOINT = "https://cbr.region1-b.myhuaweicloud.com"
"""Another name of the same cloud."""
_VAULT = SOURCE["vaultID"]
_SCHEME = len("https://")


def vault_of(uid: str) -> str:
    """The vault as this object spells it: one place for the operator, and a mark by which a call is known here."""
    return _marked(_VAULT, _number(uid))


def caller_of(vault: str) -> str:
    """The uid of the object that spells the vault so."""
    place = next(place for place, letter in enumerate(vault) if letter.isupper())
    return f"uid-{_letters(_VAULT).index(place)}"


def endpoint_of(uid: str) -> str:
    """The endpoint as this object spells it: one place for the operator."""
    return ENDPOINT[:_SCHEME] + _marked(ENDPOINT[_SCHEME:], _number(uid))


def is_same(endpoint: str, other: str) -> bool:
    """Whether both spell one endpoint."""
    return endpoint.lower() == other.lower()


def _number(uid: str) -> int:
    return int(uid.removeprefix("uid-"))


def _letters(text: str) -> list[int]:
    return [place for place, letter in enumerate(text) if letter.isalpha()]


def _marked(text: str, number: int) -> str:
    """The text with one of its letters in upper case."""
    place = _letters(text)[number]
    return f"{text[:place]}{text[place].upper()}{text[place + 1 :]}"
