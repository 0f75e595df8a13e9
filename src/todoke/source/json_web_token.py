"""JSON Web Tokens signed with an RSA key. Source: RFC 7519, RFC 7515."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class BadKey(Exception):
    """The text is no key that can sign; says why."""


def signed(pem: str, claims: Mapping[str, Any], **head: str) -> str:
    """The token. Args: pem: the private key. head: more of the header, such as `kid`. Raises: BadKey."""
    try:
        key = load_pem_private_key(pem.strip().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("is not a private key that can be read without a passphrase") from error
    if not isinstance(key, RSAPrivateKey):
        raise BadKey("is not an RSA key")
    parts = ({"alg": "RS256", "typ": "JWT", **head}, claims)
    said = ".".join(_base64(msgspec.json.encode(part)) for part in parts)
    return f"{said}.{_base64(key.sign(said.encode(), PKCS1v15(), SHA256()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
