"""What rendering is given beside the files, and what it answers."""

import msgspec

from todoke.model.objects import Manifest


class Stamp(msgspec.Struct, frozen=True):
    """How the objects of one application are marked as its own, and where they go by default."""

    instance: str  # the application's instance name in tracking ids
    namespace: str  # the destination's namespace
    installation: str = ""  # value of the installation id annotation, "" = none
    label_key: str = ""  # a label that also bears the instance name, "" = none


class Rendering(msgspec.Struct, frozen=True):
    """The desired objects of one source, cleaned, their namespaces as written; order is that of the files."""

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
