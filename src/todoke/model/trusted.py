"""Whom an installation trusts, beside what is built in: ConfigMaps of the control namespace, most as in Argo CD."""

from collections.abc import Callable, Mapping

import msgspec

from todoke.model.signatures import OPENPGP_KEYS, SSH_SIGNERS, Signers

KNOWN_HOSTS = "argocd-ssh-known-hosts-cm"
CERTIFICATES = "argocd-tls-certs-cm"
TRUSTED = (KNOWN_HOSTS, CERTIFICATES, OPENPGP_KEYS, SSH_SIGNERS)
"""Names of the ConfigMaps."""


class Trusted(msgspec.Struct, frozen=True):
    """What the ConfigMaps say.

    Attributes: known_hosts: as a known_hosts file. certificates: PEM text by host. signers: of commits.
    """

    known_hosts: str = ""
    certificates: Mapping[str, str] = {}
    signers: Signers = Signers()


def trusted_of(entries: Callable[[str], Mapping[str, str]]) -> Trusted:
    """What the ConfigMaps say. Args: entries: the texts in one by its name; none when it is not there."""
    return Trusted(
        entries(KNOWN_HOSTS).get("ssh_known_hosts", ""),
        entries(CERTIFICATES),
        Signers(entries(OPENPGP_KEYS), entries(SSH_SIGNERS)),
    )
