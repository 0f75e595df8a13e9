"""What generating asks for from outside, and the templates of one ApplicationSet."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from todoke.generate.plain import has_template, plain
from todoke.generate.refusals import mapping, refusal, sequence, text
from todoke.model.errors import Blocked

MOST_SETS = 10_000

_MISSING_KEY = ("default", "invalid", "zero", "error")
_STRICT = ("missingkey=error",)


class Repository(Protocol):
    """The files of one repository at one revision. Paths are from its root."""

    def folders(self) -> Sequence[str]:
        """All folders but the root, hidden ones too, sorted."""
        ...

    def files(self) -> Sequence[str]:
        """All files, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """The contents of a file. Raises: Blocked, Astray: it cannot be had."""
        ...


Repositories = Callable[[str, str], Repository | None]
"""The repository at a URL and a revision ("" is the default branch's tip); None: not at hand."""

Evaluate = Callable[[Any, Mapping[str, Any], Sequence[str]], Awaitable[Any]]
"""A document with every text and key in it rendered as a Go template: of the document, the data, the options.

Raises Blocked; its field is the place in the document, "" for a document that is one text.
"""

Load = Callable[[bytes], Any]
"""One YAML document as Kubernetes reads it. Raises ValueError, whose `line` is told if it has one."""

FileGlobs = Literal["pathspec", "doublestar"]
"""How `git.files[].path` is read: as Git reads a path, `*` crossing `/`, or with `**` for what crosses."""


class Means(msgspec.Struct, frozen=True):
    """What generating asks for from outside, and how Git generators look at repositories."""

    repositories: Repositories
    evaluate: Evaluate
    load: Load
    file_globs: FileGlobs = "pathspec"
    hidden_folders: bool = False
    """Whether folders whose name begins with a dot are seen."""


class Making:
    """The generating of one ApplicationSet.

    Attributes: go: whether its templates are Go templates. wanted: repositories that were not at hand.
    """

    def __init__(self, spec: Mapping[str, Any], means: Means) -> None:
        """Raises: Blocked: an option of Go templates is none."""
        self.means = means
        self.go = spec.get("goTemplate") is True
        self.wanted: dict[tuple[str, str], str] = {}
        self._options = _options(spec.get("goTemplateOptions"))

    async def rendered(self, document: Any, parameters: Mapping[str, Any], at: str) -> Any:
        """A document with the parameters in all its texts and keys.

        Args: at: the document's place in the ApplicationSet, for messages.
        Raises: Blocked.
        """
        return await self._rendered(document, parameters, at, self._options)

    async def rendered_early(self, values: Mapping[str, str], parameters: Mapping[str, Any], at: str) -> dict[str, str]:
        """The values of a generator with what is known before it runs.

        A value that names anything else stays the template that it is, to be rendered with the generator's own
        parameters.
        Raises: Blocked: one is not a template.
        """
        try:
            return dict(await self._rendered(values, parameters, at, _STRICT))
        except Blocked:
            return {key: await self._early(value, parameters, f"{at}.{key}") for key, value in values.items()}

    async def _early(self, value: str, parameters: Mapping[str, Any], at: str) -> str:
        try:
            return str(await self._rendered(value, parameters, at, _STRICT))
        except Blocked as error:
            try:
                await self._rendered(f"{{{{if false}}}}{value}{{{{end}}}}", {}, at, ())  # parsed, but not executed
            except Blocked:
                raise error from None
            return value

    async def _rendered(self, document: Any, parameters: Mapping[str, Any], at: str, options: Sequence[str]) -> Any:
        if not has_template(document):
            return document
        if not self.go:
            return plain(document, parameters, at)
        try:
            return await self.means.evaluate(document, parameters, options)
        except Blocked as error:
            separator = "" if error.field.startswith("[") or not error.field else "."
            raise refusal(f"{at}{separator}{error.field}", error.problem, error.next_step) from error

    async def with_values(self, parameters: dict[str, Any], values: Any, at: str) -> dict[str, Any]:
        """The parameters with a generator's `values`, each rendered with the parameters and none with another value.

        Raises: Blocked.
        """
        wanted = values_of(values, at)
        if not wanted:
            return parameters
        made = {key: await self.rendered(value, parameters, f"{at}.{key}") for key, value in wanted.items()}
        if self.go:
            return {**parameters, "values": made}
        return {**parameters, **{f"values.{key}": value for key, value in made.items()}}

    def loaded(self, content: bytes, at: str, name: str) -> Any:
        """What YAML says. Args: name: of the text, for messages. Raises: Blocked: it is none."""
        try:
            return self.means.load(content)
        except ValueError as error:
            line = getattr(error, "line", 0)
            raise refusal(at, f"{name}{f' line {line}' if line else ''} is not YAML: {error}", "Correct it") from error


def values_of(values: Any, at: str) -> dict[str, str]:
    """A generator's `values`. Raises: Blocked: they are no texts."""
    return {key: text(value, f"{at}.{key}") for key, value in mapping(values, at).items()}


def _options(value: Any) -> tuple[str, ...]:
    at = "spec.goTemplateOptions"
    options = tuple(text(item, f"{at}[{index}]") for index, item in enumerate(sequence(value, at)))
    for index, option in enumerate(options):
        name, _, setting = option.partition("=")
        if name != "missingkey" or setting not in _MISSING_KEY:
            known = ", ".join(f"missingkey={setting}" for setting in _MISSING_KEY)
            raise refusal(f"{at}[{index}]", f"{option!r} is no option", f"Use one of {known}")
    return options
