"""The key that signs ServiceAccount tokens."""

import base64
import secrets

# The order of P-256's group: SEC 2, version 2, section 2.4.2.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# ECPrivateKey of RFC 5915 around 32 octets: version 1 and the octets before, the curve's name after. The public
# key may be left out; whoever reads the file computes it.
BEFORE_KEY = bytes.fromhex("30310201010420")
AFTER_KEY = bytes.fromhex("a00a06082a8648ce3d030107")


def new_private_key() -> str:
    """A fresh P-256 private key as PEM. It is a random number below the group's order, so this needs no library."""
    number = 1 + secrets.randbelow(P256_ORDER - 1)
    der = BEFORE_KEY + number.to_bytes(32, "big") + AFTER_KEY
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"
