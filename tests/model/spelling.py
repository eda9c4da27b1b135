"""How each object spells the one endpoint: a mark by which its calls are known, and the same place for the operator."""

_HOST = "cbr.region1.myhuaweicloud.com"
_LETTERS = [place for place, letter in enumerate(_HOST) if letter.isalpha()]


def endpoint_of(uid: str) -> str:
    """The endpoint as this object spells it: one place for the operator, and a mark by which a call is known here."""
    place = _LETTERS[int(uid.removeprefix("uid-"))]
    return f"https://{_HOST[:place]}{_HOST[place].upper()}{_HOST[place + 1 :]}"


def caller_of(endpoint: str) -> str:
    """The uid of the object that spells the endpoint so."""
    place = next(place for place, letter in enumerate(endpoint.removeprefix("https://")) if letter.isupper())
    return f"uid-{_LETTERS.index(place)}"
