"""What follows a setup configuration, in words."""

import json
from collections.abc import Iterator

from todoke.ci.continuing import Compiled, Continued, Match, continued
from todoke.ci.workbench import Workbench
from todoke.cli.ci.reading import Configuration
from todoke.cli.ci.telling import tell
from todoke.cli.output import say, style


def following(configuration: Configuration, found: Compiled) -> tuple[Continued, ...]:
    """All that follows; what is wrong with it is told on stderr."""
    if configuration.changes.are_named and (found.pipeline is None or not found.pipeline.setup):
        say(f"{configuration.name} is no setup configuration: changed paths decide nothing")
    made = tuple(continued(configuration.workbench, found, configuration.wish, configuration.changes))
    for one in made:
        if one.compiled is None:
            tell(one.problems, configuration.name, configuration.text)
        else:
            tell(one.compiled.problems if one.compiled.errors else (), one.name, one.text)
    return made


def headline(one: Continued) -> Iterator[str]:
    """With what a setup goes on, and why."""
    how = f"after {one.job} it continues with {one.name}"
    if one.open:
        yield f"{style(how, 'cyan')}: {one.open}"
        if one.open.startswith("changed"):
            yield f"  Name them with --changed PATH, or --changed-since {_name(one.base)}"
    elif one.matches:
        yield f"{style(how, 'cyan')}, because:"
        width = max(len(match.pattern) for match in one.matches)
        yield from (f"  {_reason(match, width)}" for match in one.matches)
    elif one.parameters:
        yield f"{style(how, 'cyan')}, with {json.dumps(dict(one.parameters), ensure_ascii=False)}"
    else:
        yield f"{style(how, 'cyan')}, without parameters"


def _reason(match: Match, width: int) -> str:
    value = json.dumps(match.value, ensure_ascii=False)
    return f"{match.pattern.ljust(width)}  matched {match.path} → {match.parameter}={value}"


def _name(base: str) -> str:
    return base if base and "$" not in base else "main"


def compiled_text(workbench: Workbench, one: Continued) -> str:
    """What follows as one more document of the setup's YAML."""
    lines = "\n".join(f"# {line}" for line in headline(one))
    text = "" if one.compiled is None else workbench.text(one.compiled)
    return f"---\n{lines}\n{text}".rstrip("\n")
