"""The installation's options of tools. Source: Argo CD, `kustomize.buildOptions` and `helm.valuesFileSchemes`."""

from collections.abc import Mapping

import msgspec

from todoke.model.errors import Blocked

SUBJECT = "ConfigMap/argocd-cm"
FIELD = "kustomize.buildOptions, or --kustomize-options"
_HONOURED = "--enable-helm, --load-restrictor and --reorder are"
_RESTRICTORS = {"LoadRestrictionsRootOnly": True, "LoadRestrictionsNone": False}
_ORDERS = ("legacy", "none", "unspecified")


class Options(msgspec.Struct, frozen=True):
    """Options of all renderings.

    Attributes: kustomize: of `kustomize build`, as on its command line. schemes: those of value files by URL, with
        commas.
    """

    kustomize: str = ""
    schemes: str = "http,https"

    def of(self, tool: str) -> str:
        """The options of one tool as one text: equal for equal options."""
        return " ".join(self.kustomize.split()) if tool == "kustomize" else self.schemes.lower().replace(" ", "")

    def with_config(self, config: Mapping[str, str]) -> "Options":
        """The same, with what the ConfigMap argocd-cm says in its place. Args: config: its texts by key."""
        return Options(
            config.get("kustomize.buildOptions", self.kustomize), config.get("helm.valuesFileSchemes", self.schemes)
        )


class BuildOptions(msgspec.Struct, frozen=True):
    """What `kustomize build` was told."""

    enable_helm: bool = False
    load_restrictions: bool = True
    reorder: str = "legacy"


def parse(text: str) -> BuildOptions:
    """The options of a command line of `kustomize build`.

    Raises: Blocked: one of them is not honoured; names it.
    """
    words = text.split()[::-1]
    found = BuildOptions()
    while words:
        name, equals, value = words.pop().partition("=")
        if name == "--enable-helm":
            if value not in ("", "true", "false"):
                raise _refused(f'{name} is "{value}", neither true nor false')
            found = msgspec.structs.replace(found, enable_helm=value != "false")
            continue
        if name not in ("--load-restrictor", "--reorder"):
            raise _refused(f"{name} is not honoured")
        if not equals:
            value = words.pop() if words else ""
        if name == "--reorder" and value in _ORDERS:
            found = msgspec.structs.replace(found, reorder=value)
        elif name == "--load-restrictor" and value in _RESTRICTORS:
            found = msgspec.structs.replace(found, load_restrictions=_RESTRICTORS[value])
        else:
            expected = ", ".join(_ORDERS if name == "--reorder" else _RESTRICTORS)
            raise _refused(f'{name} is "{value}", none of {expected}')
    return found


def _refused(problem: str) -> Blocked:
    return Blocked(SUBJECT, problem, field=FIELD, next_step=f"Remove it; {_HONOURED}")
