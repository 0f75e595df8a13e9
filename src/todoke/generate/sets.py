"""All Applications of an ApplicationSet: parameters, templates, and what is wrong with single ones."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.generate.application import application, template_of
from todoke.generate.making import Evaluate, FileGlobs, Load, Making, Means, Repositories
from todoke.generate.parameters import batches, check_at_hand
from todoke.generate.refusals import SUBJECT, mapping, text
from todoke.model.applications import read_application
from todoke.model.errors import Blocked

_LONGEST_NAME = 253
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")  # RFC 1123


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, for a person.

    Attributes: application: name of the only Application that is left out for it, which may be ""; one of that name
        that exists shall stay. None: there are no Applications, and nothing shall be changed or deleted.
    """

    text: str
    application: str | None = None

    def __str__(self) -> str:
        return self.text


class Generated(msgspec.Struct, frozen=True):
    """What an ApplicationSet means.

    Attributes: applications: sorted by name. wanted: URL and revision of each repository that was not at hand; with
        these, generating can be tried again.
    """

    applications: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether nothing is known of the Applications: none shall be changed or deleted."""
        return any(problem.application is None for problem in self.problems)


async def applications(
    appset: Mapping[str, Any],
    repositories: Repositories,
    evaluate: Evaluate,
    load: Load,
    file_globs: FileGlobs = "pathspec",
    hidden_folders: bool = False,
) -> Generated:
    """The Applications that an ApplicationSet generates.

    Args: the means, see `Means`. `evaluate` is used where the set has Go templates, `load` for files and YAML in texts.

    A failing generator or template leaves no Application at all, because a part of them would be taken for all and the
    others be deleted. What is wrong with one Application leaves out that one. Whatever the means raise but Blocked,
    passes through.
    """
    subject, making = SUBJECT, None
    try:
        metadata = mapping(appset.get("metadata"), "metadata")
        named = (text(metadata.get(name), f"metadata.{name}") for name in ("namespace", "name"))
        subject = f"{SUBJECT} {'/'.join(filter(None, named))}".rstrip()
        spec = mapping(appset.get("spec"), "spec")
        making = Making(spec, Means(repositories, evaluate, load, file_globs, hidden_folders))
        found = await batches(spec, making)
        check_at_hand(making)
        made = [
            await _made(making, appset, template, parameters)
            for batch in found
            for template in (template_of(batch.template, mapping(spec.get("template"), "spec.template")),)
            for parameters in batch.sets
        ]
    except Blocked as error:
        told = Blocked(subject, error.problem, field=error.field, next_step=error.next_step)
        return Generated(problems=(Problem(str(told)),), wanted=tuple(making.wanted) if making else ())
    return _checked(made, subject)


async def _made(
    making: Making, appset: Mapping[str, Any], template: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    rendered = await making.rendered(template, parameters, "spec.template")
    patch = None
    written = text(appset["spec"].get("templatePatch"), "spec.templatePatch")
    if written:
        shown = await making.rendered(written, parameters, "spec.templatePatch")
        patch = making.loaded(shown.encode(), "spec.templatePatch", "the rendered text")
    return application(appset, rendered, patch)


def _checked(made: list[dict[str, Any]], subject: str) -> Generated:
    names = Counter(str(one["metadata"].get("name", "")) for one in made)
    kept: list[dict[str, Any]] = []
    problems: dict[str, Problem] = {}
    for one in made:
        name = str(one["metadata"].get("name", ""))
        problem = _problem(one, name, names[name])
        if problem is None:
            kept.append(one)
        else:
            field, what, next_step = problem
            whose = f"{subject}, Application {name or '(without a name)'},"
            problems.setdefault(name, Problem(str(Blocked(whose, what, field=field, next_step=next_step)), name))
    kept.sort(key=lambda one: str(one["metadata"]["name"]))
    return Generated(tuple(kept), tuple(problems[name] for name in sorted(problems)))


def _problem(one: dict[str, Any], name: str, times: int) -> tuple[str, str, str] | None:
    """Why an Application is left out: the field, the problem and the next step."""
    if not name:
        return "metadata.name", "is empty", "Let the template's name hold a parameter that every set has"
    if not _NAME.match(name) or len(name) > _LONGEST_NAME:
        return "metadata.name", "is not a DNS subdomain", "Use lower case letters, digits, - and . in it"
    if times > 1:
        return "metadata.name", f"is made {times} times", "Let the template's name hold what distinguishes them"
    read = read_application(one)
    if read.problems:
        return "", read.problems[0], "Correct the template"
    destination = read.value.spec.destination
    if bool(destination.server) is bool(destination.name):
        said = "has a server and a name" if destination.server else "has neither a server nor a name"
        return "spec.destination", said, "Give one of them"
    return None
