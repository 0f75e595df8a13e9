"""Parameters of the folders and files of a Git repository. Source: Argo CD, "Git Generator"."""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from todoke.generate.making import Making, Repository
from todoke.generate.patterns import BadPattern, doublestar, pathspec
from todoke.generate.refusals import mapping, refusal, sequence, text
from todoke.generate.shapes import flattened
from todoke.model.errors import Blocked
from todoke.model.globs import BadGlob, path_match
from todoke.model.trees import Astray

Matches = Callable[[str], bool]

_NOT_IN_NAME = re.compile(r"[^-a-z0-9.]")
_LONGEST_NAME = 253  # of a DNS subdomain, RFC 1123


def normalized(name: str) -> str:
    """A name that Kubernetes accepts, made of any; "" where nothing of it can stay."""
    return _NOT_IN_NAME.sub("-", name.lower())[:_LONGEST_NAME].strip("-.")


async def git_sets(making: Making, body: Mapping[str, Any], at: str) -> list[dict[str, Any]]:
    """Parameter sets of a `git` generator: folders where `directories` are given, else what files hold.

    Raises: Blocked.
    """
    folders, files = (sequence(body.get(name), f"{at}.{name}") for name in ("directories", "files"))
    if not folders and not files:
        raise refusal(at, "names neither directories nor files", "Add one of them")
    url, revision = text(body.get("repoURL"), f"{at}.repoURL"), text(body.get("revision"), f"{at}.revision")
    wanted = " ".join(str(mapping(item, at).get("path")) for item in folders or files)
    repository = making.means.repositories(url, revision)
    if repository is None:
        making.wanted[url, revision] = f"{url} at {revision or 'HEAD'} is not at hand, wanted for {wanted}"
        return []
    if folders:
        sets = _folder_sets(making, repository, _Rules(folders, f"{at}.directories", _folder_pattern), body, at)
    else:
        dialect = pathspec if making.means.file_globs == "pathspec" else doublestar
        sets = _file_sets(making, repository, _Rules(files, f"{at}.files", dialect), body, at)
    return [await making.with_values(one, body.get("values"), f"{at}.values") for one in sets]


class _Rules:
    """Patterns, some of which exclude; those win wherever they stand."""

    def __init__(self, items: Sequence[Any], at: str, read: Callable[[str], Matches]) -> None:
        self._included: list[Matches] = []
        self._excluded: list[Matches] = []
        for index, item in enumerate(items):
            place = f"{at}[{index}]"
            body = mapping(item, place)
            pattern = text(body.get("path"), f"{place}.path")
            try:
                matches = read(pattern)
            except (BadPattern, BadGlob) as error:
                raise refusal(f"{place}.path", f"{pattern!r} {error}", "Correct the pattern") from error
            (self._excluded if body.get("exclude") is True else self._included).append(matches)

    def choose(self, path: str) -> bool:
        return any(one(path) for one in self._included) and not any(one(path) for one in self._excluded)


def _folder_pattern(pattern: str) -> Matches:
    path_match(pattern, "")
    return lambda path: path_match(pattern, path)


def _folder_sets(
    making: Making, repository: Repository, rules: _Rules, body: Mapping[str, Any], at: str
) -> list[dict[str, Any]]:
    hidden = making.means.hidden_folders
    seen = [path for path in repository.folders() if hidden or not _is_hidden(path)]
    prefix = text(body.get("pathParamPrefix"), f"{at}.pathParamPrefix")
    return [_path(path, "", prefix, making.go) for path in seen if rules.choose(path)]


def _is_hidden(path: str) -> bool:
    return any(step.startswith(".") for step in path.split("/"))


def _file_sets(
    making: Making, repository: Repository, rules: _Rules, body: Mapping[str, Any], at: str
) -> list[dict[str, Any]]:
    prefix = text(body.get("pathParamPrefix"), f"{at}.pathParamPrefix")
    sets: list[dict[str, Any]] = []
    for path in filter(rules.choose, repository.files()):
        folder, _, name = path.rpartition("/")
        its_path = _path(folder or ".", name, prefix, making.go)
        for found in _objects(making, repository, path, text(body.get("repoURL"), at), f"{at}.files"):
            sets.append({**(found if making.go else flattened(found)), **its_path})
    return sets


def _objects(making: Making, repository: Repository, path: str, url: str, at: str) -> list[Mapping[str, Any]]:
    """What a file holds: one map, or a list of maps; an empty file holds an empty map."""
    named = f"{path} of {url}"
    try:
        content = repository.read(path)
    except (Blocked, Astray) as error:
        raise refusal(at, f"{named} cannot be read: {error.problem}", "Correct the file") from error
    value = making.loaded(content, at, named)
    found = value if isinstance(value, list) else [value]
    wrong = next((item for item in found if item is not None and not isinstance(item, Mapping)), None)
    if wrong is not None:
        raise refusal(at, f"{named} holds neither a map nor a list of maps", "Write parameters as `name: value`")
    return [item or {} for item in found]


def _path(folder: str, file: str, prefix: str, go: bool) -> dict[str, Any]:
    """The parameters that tell a path. Args: file: the name of the file in the folder, "" where it is a folder."""
    name = posixpath.basename(folder)
    told: dict[str, Any] = {"basename": name, "basenameNormalized": normalized(name)}
    if file:
        told |= {"filename": file, "filenameNormalized": normalized(file)}
    steps = folder.split("/")
    if go:
        nested = {"path": {"path": folder, **told, "segments": steps}}
        return {prefix: nested} if prefix else nested
    root = f"{prefix}.path" if prefix else "path"
    numbered = {f"{root}[{index}]": step for index, step in enumerate(steps) if step}
    return {root: folder, **{f"{root}.{key}": value for key, value in told.items()}, **numbered}
