"""What `.gitmodules` says: where the repositories of submodules are. Source: Git, gitmodules(5) and git-config(1)."""

import re
import stat

import msgspec

from todoke.model.errors import Blocked
from todoke.model.trees import Found
from todoke.source.tree import CommitTree
from todoke.source.urls import Location, locate

FILE = ".gitmodules"
_LARGEST = 256 * 1024
_SECTION = re.compile(r'\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]', re.I)
_VALUE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*)")
_SCP_HOST = re.compile(r"[^/:]+@[^/:]+:")


class Submodule(msgspec.Struct, frozen=True):
    """A commit of another repository in the place of a folder; `url` is as `.gitmodules` writes it, "" for none."""

    path: str
    commit: str
    url: str


def submodules_of(tree: CommitTree) -> list[Submodule]:
    """The submodules of one commit that `.gitmodules` names and that are there; not those inside of them."""
    file = tree.child(tree.root, FILE)
    if file is None or not stat.S_ISREG(file.mode) or tree.size(file) > _LARGEST:
        return []
    found = []
    for path, url in parse(tree.read(file).decode("utf-8", "replace")).items():
        at = _literal(tree, path)
        if at is not None and at.is_submodule:
            found.append(Submodule(at.path, at.id, url))
    return found


def _literal(tree: CommitTree, path: str) -> Found | None:
    """What is at a path, links not followed: Git does not allow a submodule behind a link."""
    at: Found | None = tree.root
    for name in path.split("/"):
        at = tree.child(at, name) if at is not None and at.is_folder else None
    return at


def parse(text: str) -> dict[str, str]:
    """URLs by path. A submodule that two sections name has what the last one says."""
    sections: dict[str, dict[str, str]] = {}
    values: dict[str, str] | None = None
    for line in text.replace("\\\n", "").splitlines():
        line = line.strip()
        if line.startswith("["):
            head = _SECTION.match(line)
            values = sections.setdefault(head.group(1), {}) if head else None
            line = line[head.end() :].strip() if head else ""
        setting = _VALUE.match(line)
        if setting and values is not None:
            values[setting.group(1).lower()] = _unquoted(setting.group(2))
    return {one["path"].strip("/"): one.get("url", "") for one in sections.values() if one.get("path")}


def _unquoted(text: str) -> str:
    """A value without its quotes, escapes and comment."""
    found, quoted, letters = [], False, iter(text)
    for letter in letters:
        if letter == '"':
            quoted = not quoted
        elif letter == "\\":
            found.append({"n": "\n", "t": "\t"}.get(escaped := next(letters, ""), escaped))
        elif letter in "#;" and not quoted:
            break
        else:
            found.append(letter)
    return "".join(found).strip()


def url_of(module: Submodule, parent: Location) -> str:
    """The URL of a submodule's repository; a relative one is taken from its parent's, on the same host.

    Raises: Blocked: there is none; it leaves the host; it is a folder of this machine although its parent is not.
    """
    url = module.url
    field = f"{FILE} of submodule {module.path}"
    if not url:
        raise Blocked(parent.subject, "has no url", field=field, next_step="Add it")
    if url.startswith(("./", "../")):
        return _joined(module, parent)
    if locate(url).scheme == "file" and parent.scheme != "file":
        problem = "its url is a folder of the machine that todoke runs on"
        raise Blocked(parent.subject, problem, field=field, next_step="Write the URL of a server")
    return url


def _joined(module: Submodule, parent: Location) -> str:
    """Source: Git, `git submodule add`, "relative to the superproject's repository"."""
    written = parent.written.reveal() or parent.url
    scp = _SCP_HOST.match(written)
    head = scp.group() if scp else re.match(r"(?:[a-z]+://[^/]*)?/?", written, re.I).group()  # type: ignore[union-attr]
    steps = [step for step in written[len(head) :].partition("?")[0].split("/") if step]
    for step in module.url.split("/"):
        if step == ".." and not steps:
            field = f"{FILE} of submodule {module.path}"
            raise Blocked(parent.subject, f"the url {module.url} leads out of the host", field=field)
        if step == "..":
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return head + "/".join(steps)
