"""Revisions that are versions: which are pinned and which are ranges. Source: Argo CD v3.5, util/versions/tags.go."""

import re
from collections.abc import Awaitable, Callable, Sequence

from todoke.source.refs import TAGS, Refs

Matching = Callable[[str, Sequence[str]], Awaitable[list[str]]]
"""Constraint and versions → the versions that match, newest first. Raises Blocked for a bad constraint."""

_MORE = r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(rf"v?\d+(\.\d+){{0,2}}{_MORE}")
_RANGE = rf"v?(\d+|[xX*])(\.(\d+|[xX*])){{0,2}}{_MORE}"
_BOUND = rf"((=|!=|>|<|>=|=>|<=|=<|~|~>|\^)\s*)?{_RANGE}"  # a blank can be read in one way only: no slow text
_BETWEEN = rf"{_RANGE}\s+-\s+{_RANGE}"
_ALL_OF = rf"\s*({_BETWEEN}|{_BOUND})((\s+|\s*,\s*)({_BETWEEN}|{_BOUND}))*\s*"
_CONSTRAINT = re.compile(rf"{_ALL_OF}(\|\|{_ALL_OF})*")
_LONGEST = 256


def is_constraint(revision: str) -> bool:
    """Whether a revision is a range of versions, as `^1.2`, `1.x` or `>=1 <3 || 5.*`; a whole version is none."""
    if len(revision) > _LONGEST or _VERSION.fullmatch(revision):
        return False
    return _CONSTRAINT.fullmatch(revision) is not None


def prefixed(refs: Refs, revision: str, tag_prefix: str) -> str:
    """The name that a revision stands for, which is no range, where tags of an application begin with a prefix."""
    if tag_prefix and (_VERSION.fullmatch(revision) or f"{TAGS}{tag_prefix}{revision}" in refs.tips):
        return TAGS + tag_prefix + revision
    return revision


async def newest_tag(refs: Refs, constraint: str, tag_prefix: str, matching: Matching) -> str:
    """The full name of the tag with the newest version that a constraint allows, "" when there is none.

    Tags without the prefix do not count, and it is no part of the version.
    """
    start = TAGS + tag_prefix
    versions = [name.removeprefix(start) for name in refs.tips if name.startswith(start)]
    found = await matching(constraint, versions) if versions else []
    return start + found[0] if found else ""
