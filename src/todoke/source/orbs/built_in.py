"""The orbs that come with todoke: written by us after the documented elements of published ones, to stand in for them.

Each lies in `texts/<namespace>/<name>@<major>.yml` beside this file: published orbs changed the names of elements and
parameters from one major version to the next, and each file speaks for one of these generations. What several do
the same way lies once in `scripts/`: `command: <<include(common.sh, docker-push.sh)>>` is these files, in this order.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from todoke.model.job_graphs import OrbText

_FILE = re.compile(r"([\w.-]+)@(\d+(?:\.\d+)?)\.yml\Z", re.ASCII)
_INCLUDE = re.compile(r"^( *(?:- )?)command: <<include\(([\w., -]+)\)>>$", re.MULTILINE)
_FUNCTION = re.compile(r"^(\w+)\(\) \{(?:.*\}$|[^\n]*\n(?s:.*?)^\}$)\n", re.MULTILINE)
_HEAD = re.compile(r"\A(?:#.*\n)+")
_NAME = re.compile(r"\w+")
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?\Z")


class BuiltIn:
    """Finds built-in orbs."""

    def find(self, namespace: str, name: str, version: str) -> OrbText | None:
        """The orb whose generation a version is of; `volatile` and development versions take the newest one."""
        known = _generations().get((namespace, name))
        if not known:
            return None
        generation = _chosen(version, list(known))
        if generation is None:
            return None
        label = f"{namespace}/{name}@{generation}"
        return OrbText(_whole(namespace, known[generation].name), f"{label} (todoke)", "built-in", f"built-in {label}")

    def generations(self, namespace: str, name: str) -> list[str]:
        """The generations of an orb that there are, oldest first."""
        return [f"{namespace}/{name}@{generation}" for generation in _generations().get((namespace, name), ())]

    def all(self) -> list[str]:
        """Every orb with each generation."""
        return [label for namespace, name in sorted(_generations()) for label in self.generations(namespace, name)]


def _chosen(version: str, generations: list[str]) -> str | None:
    match = _VERSION.match(version)
    if match is None:
        moves = not version or version == "volatile" or version.startswith("dev:")
        return generations[-1] if moves else None
    wanted = (int(match[1]), int(match[2]) if match[2] else 10_000)
    fitting = [each for each in generations if _fits(_numbers(each), wanted)]
    return fitting[-1] if fitting else None


def _numbers(generation: str) -> tuple[int, int]:
    major, _, minor = generation.partition(".")
    return int(major), int(minor or 0)


def _fits(generation: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """A generation speaks for its major version, from its minor version on."""
    return generation[0] == wanted[0] and generation[1] <= wanted[1]


@cache
def _generations() -> dict[tuple[str, str], dict[str, Traversable]]:
    found: dict[tuple[str, str], dict[str, Traversable]] = {}
    root = files("todoke.source.orbs") / "texts"
    for namespace in root.iterdir():
        if not namespace.is_dir():
            continue
        for file in namespace.iterdir():
            if match := _FILE.match(file.name):
                found.setdefault((namespace.name, match[1]), {})[match[2]] = file
    return {key: dict(sorted(each.items(), key=lambda item: _numbers(item[0]))) for key, each in found.items()}


@cache
def _whole(namespace: str, name: str) -> str:
    """The text of a file with its scripts put in as blocks; what the language would read as its own is escaped."""
    root = files("todoke.source.orbs")

    def block(match: re.Match[str]) -> str:
        text = _script([(root / "scripts" / each.strip()).read_text() for each in match[2].split(",")])
        indent = " " * (len(match[1]) + 2)
        lines = (f"{indent}{line}" if line else "" for line in text.replace("<<", r"\<<").splitlines())
        return f"{match[1]}command: |\n" + "\n".join(lines)

    return _INCLUDE.sub(block, (root / "texts" / namespace / name).read_text())


def _script(parts: Iterable[str]) -> str:
    """Files of shell as one script, without what their heads say of them and without functions that nothing calls."""
    text = "".join(_HEAD.sub("", part) for part in parts)
    functions = {match[1]: match[0] for match in _FUNCTION.finditer(text)}
    called: set[str] = set()
    wanted = set(_NAME.findall(_FUNCTION.sub("", text))) & functions.keys()
    while wanted - called:
        called |= wanted
        wanted = {name for each in called for name in _NAME.findall(functions[each])} & functions.keys()
    return _FUNCTION.sub(lambda match: match[0] if match[1] in called else "", text)
