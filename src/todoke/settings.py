"""All settings, read once by `main`; rooms get plain values. A flag beats the environment beats the default."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

PREFIX = "TODOKE_"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HIGHEST_PORT = 65535


def _state_folder() -> str:
    return str(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "todoke")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each is set by the flag `--name-in-dashes` of `todoke serve` or by the variable `TODOKE_NAME`."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty: $KUBECONFIG, ~/.kube/config, or the Pod's own ServiceAccount."""

    context: str = ""
    """Context of the kubeconfig; empty: its current one."""

    namespace: str = "todoke"
    """The control namespace: Applications in it are acted on, projects and repository Secrets are read from it."""

    installation: str = ""
    """Name of this installation: it acts on Applications marked with it (default: the control namespace), and stamps
    it on objects when it is set or the control namespace is not `todoke`."""

    observe: bool = False
    """Write nothing at all, only look."""

    workers: int = 48
    """How many applications are looked at at the same time."""

    poll_seconds: float = 30.0
    """How often a Git repository is asked for its refs, in seconds, with 10 % jitter."""

    look_seconds: float = 600.0
    """How often an application is looked at although nothing was heard of it, in seconds."""

    budget_seconds: float = 300.0
    """How long one look at one application may take, in seconds."""

    fetch_seconds: float = 120.0
    """How long one fetch of a repository may take, in seconds."""

    mirror_mib: int = 10240
    """How much Git mirrors may take on disk, in MiB; those not used for a while go first."""

    requests: int = 64
    """How many requests to the API server may be under way at once."""

    render_processes: int = 2
    """How many renderings with Kustomize, Helm or Jsonnet run at once, each in a process of its own."""

    render_memory_mib: int = 1024
    """Memory above which such a process is ended, in MiB; its rendering fails, and says so."""

    render_seconds: float = 60.0
    """How long one rendering may take, in seconds."""

    kustomize_options: str = ""
    """Options of all kustomizations, as of `kustomize build`: --enable-helm, --load-restrictor and --reorder. What
    `kustomize.buildOptions` of the ConfigMap argocd-cm says, wins."""

    value_file_schemes: str = "http,https"
    """With what URLs of Helm value files may begin; empty: value files are not fetched. What `helm.valuesFileSchemes`
    of the ConfigMap argocd-cm says, wins."""

    private_networks: str = ""
    """Private networks that files in Git may name (bases, value files, charts, submodules on other hosts), beside what
    the URLs of repository Secrets cover: CIDR blocks, with commas."""

    plugins_folder: str = ""
    """Folder with the plugin.yaml of each config management plugin; empty: there are no plugins."""

    state_folder: str = msgspec.field(default_factory=_state_folder)
    """Folder for Git mirrors, renderings and the ledger; all in it but the ledger can be deleted at any time."""

    listen: str = "127.0.0.1:8080"
    """Address for /healthz, /readyz, /metrics and the webhooks of forges at /api/webhook; empty: none."""

    log_level: str = "info"
    """debug, info, warning or error."""

    @property
    def mark(self) -> str:
        """Value of the annotation `todoke.dev/managed-by` on the Applications elsewhere that are ours."""
        return self.installation or self.namespace

    @property
    def stamped_installation(self) -> str:
        """The installation id that objects bear: two installations never take each other's objects for their own."""
        return self.installation or ("" if self.namespace == "todoke" else self.namespace)


def read_settings(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings: flags that are not None, else variables, else defaults.

    Raises:
        ValueError: a value is not of the expected type, or out of bounds; names it and what was expected.
    """
    values = {name: value for name, value in flags.items() if value is not None}
    for name, wanted in get_type_hints(Settings).items():
        variable = PREFIX + name.upper()
        if name not in values and variable in environ:
            values[name] = _typed(variable, environ[variable], wanted)
    settings = Settings(**values)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not _NAMESPACE.fullmatch(settings.namespace):
        raise ValueError(f"namespace={settings.namespace!r}: expected the name of a namespace")
    for block in filter(None, settings.private_networks.split(",")):
        try:
            ipaddress.ip_network(block.strip(), strict=False)
        except ValueError:
            raise ValueError(f"private_networks={block.strip()!r}: expected a CIDR block, like 10.0.0.0/8") from None
    port = settings.listen.rpartition(":")[2]
    if settings.listen and not (":" in settings.listen and port.isdecimal() and int(port) <= _HIGHEST_PORT):
        raise ValueError(f"listen={settings.listen!r}: expected host:port, for example 127.0.0.1:8080")
    for name in ("workers", "requests", "mirror_mib", "render_processes", "render_memory_mib"):
        if (number := getattr(settings, name)) < 1:
            raise ValueError(f"{name}={number}: expected 1 or more")
    for name in ("poll_seconds", "look_seconds", "budget_seconds", "fetch_seconds", "render_seconds"):
        if not 0 < (seconds := getattr(settings, name)) < math.inf:
            raise ValueError(f"{name}={seconds}: expected more than 0")


def _typed(variable: str, text: str, wanted: type) -> Any:
    if wanted is bool:
        if text.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            return text.lower() in ("1", "true", "yes", "on")
        raise ValueError(f"{variable}={text!r}: expected true or false")
    try:
        return wanted(text)
    except ValueError:
        raise ValueError(f"{variable}={text!r}: expected {wanted.__name__}") from None
