"""The server's certificate, and the authority that clients trust it by; both are made anew at each start.

Source: RFC 5280. Elliptic keys: an RSA one takes a second.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = timedelta(days=30)
_BEFORE: Final = timedelta(hours=1)
_NAMES: Final = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES: Final = ("127.0.0.1", "10.96.0.1")

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificate:
    """What a server needs. Attributes: authority: PEM, for clients. trust: for listening sockets."""

    authority: str
    trust: ssl.SSLContext


def make(now: datetime) -> Certificate:
    """A new authority and a certificate for the loopback address, good for a month. Takes some milliseconds."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = _name("todoke sandbox authority")
    authority = _authority(name, authority_key, now).sign(authority_key, hashes.SHA256())
    serving = _serving(name, key, authority_key, now).sign(authority_key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    trust = _context(serving.public_bytes(encoding) + private)
    return Certificate(authority.public_bytes(encoding).decode(), trust)


def _context(chain: bytes) -> ssl.SSLContext:
    """The key passes through a file that nobody else can read: Python's ssl takes none from memory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    descriptor, path = tempfile.mkstemp(prefix="todoke-sandbox-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(chain)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
    return context


def _authority(name: x509.Name, key: Key, now: datetime) -> x509.CertificateBuilder:
    allowed = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
    refused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = x509.KeyUsage(**allowed, **dict.fromkeys((*refused, "encipher_only", "decipher_only"), False))
    builder = _builder(name, name, key, now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.add_extension(usage, critical=True)


def _serving(issuer: x509.Name, key: Key, authority_key: Key, now: datetime) -> x509.CertificateBuilder:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = _builder(_name("kube-apiserver"), issuer, key, now)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.add_extension(signer, critical=False)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime) -> x509.CertificateBuilder:
    public = key.public_key()
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _BEFORE).not_valid_after(now.astimezone(UTC) + LIFETIME)
    # strict TLS clients ask for the key identifiers
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
