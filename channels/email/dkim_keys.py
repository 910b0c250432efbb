"""Private keys for signing letters, from PEM. The one place that knows `cryptography`; loaded where there is a key.

Lengths: RFC 8301 §3.2 asks for RSA keys of 2048 bits or more, and obliges nobody to verify one above 4096.
"""

from base64 import b64encode
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from channels.email.dkim import Signer

__all__ = ["KeyRefusedError", "signer"]

SHORTEST, LONGEST = 2048, 4096  # bits


class KeyRefusedError(ValueError):
    """This is no key to sign with. `cause` is one of unreadable, encrypted, kind, length; `bits` goes with length."""

    def __init__(self, cause: str, bits: int = 0) -> None:
        super().__init__(cause)
        self.cause = cause
        self.bits = bits


def signer(algorithm: Literal["rsa", "ed25519"], pem: str, domain: str, selector: str) -> Signer:
    """Make of a key in PEM what signs for this domain. Raises KeyRefusedError."""
    key = _loaded(pem)
    match algorithm, key:
        case "rsa", RSAPrivateKey():
            return _rsa(key, domain, selector)
        case "ed25519", Ed25519PrivateKey():
            return _ed25519(key, domain, selector)
        case _:
            raise KeyRefusedError("kind")


def _rsa(key: RSAPrivateKey, domain: str, selector: str) -> Signer:
    if not SHORTEST <= key.key_size <= LONGEST:
        raise KeyRefusedError("length", key.key_size)
    padding, digest = PKCS1v15(), SHA256()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Signer("rsa", domain, selector, _encoded(public), lambda octets: key.sign(octets, padding, digest))


def _ed25519(key: Ed25519PrivateKey, domain: str, selector: str) -> Signer:
    public = key.public_key().public_bytes_raw()
    # RFC 8463 §3: what is signed is the hash.
    return Signer("ed25519", domain, selector, _encoded(public), lambda octets: key.sign(sha256(octets).digest()))


def _encoded(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _loaded(pem: str) -> object:
    """None of what the library says is passed on: it may quote the key."""
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        cause = "encrypted"
    except (ValueError, UnsupportedAlgorithm):
        cause = "unreadable"
    raise KeyRefusedError(cause)
