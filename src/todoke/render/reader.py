"""Reads a source's trees and remembers what it looked at: that is the key of what is made of it."""

import re
from collections.abc import Callable, Iterator
from posixpath import join, normpath

from todoke.model.errors import Blocked
from todoke.model.globs import BadGlob, alternatives, steps_match
from todoke.model.renderings import Checkout, RenderContext
from todoke.model.trees import Astray, Found, Intent, Look, Tree, answer_of
from todoke.render.lfs import IN_LFS, is_lfs_pointer

LARGEST_FILE = 10 * 1024 * 1024
_MOST_GLOBBED = 50_000
_NOT_IN_SET = re.compile(r"(?<!\\)\[!")


class Reader:
    """One rendering's eyes.

    Attributes: looks: what was looked at, in order, each once. overridden: the source is not as the Application says.
        followed_links: something was read by way of a link that no look names. fetched: files by their URL, None for
        one that is not there.
    """

    def __init__(self, checkout: Checkout, context: RenderContext, subject: str) -> None:
        """Nothing is read yet. Args: subject: whom errors name."""
        self.checkout, self.subject = checkout, subject
        self.overridden = self.followed_links = False
        self._variables = variables(checkout, context)
        self.looks: dict[Look, None] = {}
        self.fetched: dict[str, bytes | None] = {}

    def note(self, path: str, intent: Intent, ref: str = "") -> None:
        """Remember a look and what it learned."""
        self.looks[Look(path, intent, answer_of(self._tree(ref), path, intent), ref)] = None

    def file(self, path: str, ref: str = "") -> bytes | None:
        """The contents of a file; None when there is none.

        Raises: Blocked: it leads out of the repository, is too large, or lies in Git LFS.
        """
        tree = self._tree(ref)
        self.note(path, "read", ref)
        try:
            found = tree.find(path)
        except Astray as error:
            if error.missing:
                return None
            raise Blocked(self.subject, f'"{path}" {error.problem}') from None
        if found.is_folder or found.is_submodule:
            return None
        if tree.size(found) > LARGEST_FILE:
            raise Blocked(self.subject, f'"{path}" is larger than {LARGEST_FILE // 1024 // 1024} MiB')
        data = tree.read(found)
        if is_lfs_pointer(data):
            raise Blocked(self.subject, f'"{path}" {IN_LFS}')
        return data

    def is_there(self, path: str) -> bool:
        """Whether there is a file or folder."""
        self.note(path, "kind")
        return answer_of(self._tree(""), path, "kind") != ""

    def globbed(self, pattern: str, ref: str = "") -> list[str]:
        """The files whose path matches, in lexical order.

        `**` stands for any number of folders, none included, and `{a,b}` for alternatives. Source: doublestar.
        Raises: Blocked: it is not a glob, or too many files lie below its fixed part.
        """
        try:
            return sorted({path for one in alternatives(pattern) for path in self._matching(one, ref)})
        except BadGlob as error:
            raise Blocked(self.subject, f'"{pattern}" is not a glob: {error}') from error

    def _matching(self, pattern: str, ref: str) -> Iterator[str]:
        """The files whose path matches a pattern without braces."""
        parts = _NOT_IN_SET.sub("[^", pattern).split("/")
        fixed = next((number for number, part in enumerate(parts) if is_glob(part)), len(parts) - 1)
        base = "/".join(parts[:fixed])
        tree = self._tree(ref)
        self.note(base, "tree", ref)
        try:
            folder = tree.find(base)
        except Astray:
            return
        if folder.is_folder:
            yield from (path for path in self._below(tree, folder, base) if steps_match(parts, path.split("/")))

    def _below(self, tree: Tree, folder: Found, base: str) -> Iterator[str]:
        pending, seen = [(base, folder)], 0
        while pending:
            prefix, here = pending.pop()
            for name, entry in tree.entries(here):
                seen += 1
                if seen > _MOST_GLOBBED:
                    raise Blocked(self.subject, f'more than {_MOST_GLOBBED} names lie below "{base or "."}"')
                path = f"{prefix}/{name}" if prefix else name
                if entry.is_folder:
                    pending.append((path, entry))
                elif not entry.is_submodule:
                    yield path

    def expanded(self, text: str) -> str:
        """A text with the build environment's variables put in; `$$` is a dollar, an unknown variable nothing.

        Source: Argo CD, "Build environment".
        """
        return expand(text, self.variable)

    def begins_with_variable(self, text: str) -> bool:
        """Whether a text begins with a variable that the build environment has, or with the dollar of `$$`."""
        match = _VARIABLE.match(text)
        return match is not None and (_name(match) == "$" or _name(match) in self._variables)

    def variable(self, name: str) -> str:
        """A variable of the build environment, "" for an unknown one."""
        value = self._variables.get(name, "")
        self.looks[Look(name, "variable", value)] = None
        return value

    def path(self, written: str, subject: str) -> str:
        """A path as a source writes it, from the tree's root: relative to the source's folder, or from / on.

        Raises: Blocked: it leaves the repository.
        """
        folder = "" if self.checkout.spec.path == "." else self.checkout.spec.path
        return inside(written.lstrip("/") if written.startswith("/") else join(folder, written), written, subject)

    def _tree(self, ref: str) -> Tree:
        return self.checkout.refs[ref] if ref else self.checkout.tree


def inside(path: str, written: str, subject: str) -> str:
    """A path without dots, "" for the root. Raises: Blocked: it leads out of the tree."""
    clean = normpath(path)
    if clean == ".." or clean.startswith(("../", "/")):
        raise Blocked(subject, f'"{written}" leads out of the repository')
    return "" if clean == "." else clean


def is_glob(text: str) -> bool:
    """Whether a text holds what a glob is made of."""
    return any(sign in text for sign in "*?[{")


_VARIABLE = re.compile(r"\$(?:\{(?:([^}]*)\})?|([A-Za-z_][A-Za-z0-9_]*)|([*#$@!?0-9-]))")


def _name(match: re.Match[str]) -> str:
    return match[1] or match[2] or match[3] or ""


def expand(text: str, value: Callable[[str], str]) -> str:
    """A text with `$NAME` and `${NAME}` replaced by what a function says of the name, `$$` by a dollar.

    Source: Go, os.Expand.
    """

    def replaced(match: re.Match[str]) -> str:
        name = _name(match)
        return "$" if name == "$" else value(name) if name else ""

    return _VARIABLE.sub(replaced, text)


def variables(checkout: Checkout, context: RenderContext) -> dict[str, str]:
    """The build environment. Source: Argo CD, "Build environment"."""
    spec, revision = checkout.spec, checkout.revision
    return {
        "ARGOCD_APP_NAME": context.application,
        "ARGOCD_APP_NAMESPACE": context.namespace,
        "ARGOCD_APP_PROJECT_NAME": context.project,
        "ARGOCD_APP_REVISION": revision,
        "ARGOCD_APP_REVISION_SHORT": revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
        "ARGOCD_APP_SOURCE_REPO_URL": spec.repo_url,
        "ARGOCD_APP_SOURCE_PATH": spec.path,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": spec.revision,
        "KUBE_VERSION": context.kube_version,
        "KUBE_API_VERSIONS": ",".join(context.api_versions),
    }
