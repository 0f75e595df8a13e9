"""A review in words: for a terminal, for a comment on a pull request, for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from todoke.cli.output import style
from todoke.cli.review import clusters
from todoke.cli.review.hunks import hunks
from todoke.model.objects import ObjectKey
from todoke.model.reviews import ObjectChange, Review, UnitReview

MOST_LINES: Final = 120
"""Lines that are shown of one object."""
LARGEST_COMMENT: Final = 60_000
"""Letters of a comment; GitHub takes 65,536, GitLab and others more."""
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "moved here": "→", "moved away": "←"}
_COLOURS: Final = {"+": "green", "-": "red"}
_CHANGED: Final = ("added", "removed", "changed")


def text(review: Review) -> str:
    """For a terminal."""
    parts = []
    for unit in review.units:
        if _is_told(unit):
            parts.append("\n".join(_unit_lines(unit)))
    return "\n\n".join([*parts, "\n".join(_ends(review))])


def _is_told(unit: UnitReview) -> bool:
    if unit.verdict == "not rendered":
        return _concerns(unit)
    return unit.verdict in _CHANGED or bool(unit.live and unit.live.changes)


def _unit_lines(unit: UnitReview) -> Iterator[str]:
    where = f"  {unit.origin}" if unit.origin and unit.origin != str(unit.key) else ""
    yield f"{style(str(unit.key), 'cyan')}{where}{_news(unit)}"
    for problem in unit.problems:
        yield style(f"  not rendered: {problem}", "red")
    for change in _told(unit):
        yield f"  {_SIGNS[change.action]} {title(change)}"
        for line in _hunk(change):
            colour = _COLOURS.get(line[:1])
            yield f"    {style(line, colour) if colour else line}"
        if change.folded:
            yield f"    (also {_fields(change.folded)})"
    if quiet := _noise(unit):
        yield f"  {_objects(len(quiet))} {_differ(quiet)} only in {_fields(_folded(quiet))}"
    for line in clusters.lines(unit.live):
        yield f"  {line}"


def _news(unit: UnitReview) -> str:
    return {"added": "  (new)", "removed": "  (removed)"}.get(unit.verdict, "")


def _hunk(change: ObjectChange) -> Iterator[str]:
    if change.action == "moved away":
        return iter(())
    return hunks(change.old, change.new, MOST_LINES)


def title(change: ObjectChange) -> str:
    """An object's name, and what became of it beside its contents."""
    if change.action == "moved here":
        return f"{change.key}  moved here from {change.other}"
    if change.action == "moved away":
        return f"{change.key}  moved to {change.other}"
    return f"{change.key}  was {_short(change.before, change.key)}" if change.before is not None else str(change.key)


def _short(before: ObjectKey, now: ObjectKey) -> str:
    return before.name if (before.kind, before.namespace) == (now.kind, now.namespace) else str(before)


def _told(unit: UnitReview) -> list[ObjectChange]:
    return [change for change in unit.changes if not change.is_noise]


def _noise(unit: UnitReview) -> list[ObjectChange]:
    return [change for change in unit.changes if change.is_noise]


def _folded(changes: Iterable[ObjectChange]) -> list[str]:
    return [field for change in changes for field in change.folded]


def _fields(fields: Iterable[str]) -> str:
    return ", ".join(sorted(set(fields)))


def _differ(changes: Sequence[ObjectChange]) -> str:
    return "differs" if len(changes) == 1 else "differ"


def _objects(number: int) -> str:
    return f"{number} {'object' if number == 1 else 'objects'}"


def _concerns(unit: UnitReview) -> bool:
    """Whether somebody should know: it is of this repository and does not render."""
    return any(problem.startswith(("base: ", "head: ")) for problem in unit.problems) or not _elsewhere(unit)


def _elsewhere(unit: UnitReview) -> bool:
    return all("not in this repository" in problem for problem in unit.problems)


def summary(review: Review) -> str:
    """One line: how many applications change, and how."""
    units = [unit for unit in review.units if unit.verdict != "not rendered"]
    changed = [unit for unit in units if unit.verdict in _CHANGED]
    total = f"{len(units)} {'application' if len(units) == 1 else 'applications'}"
    if not changed:
        return f"Nothing changes in {total}."
    counts = Counter(change.action for unit in changed for change in _told(unit))
    words = [f"{counts[action]} {action}" for action in ("added", "removed", "changed") if counts[action]]
    if counts["moved here"]:
        words.append(f"{counts['moved here']} moved")
    quiet = sum(len(_noise(unit)) for unit in changed)
    if quiet:
        words.append(f"{quiet} with chart labels or checksums only")
    verb = "changes" if len(changed) == 1 else "change"
    return f"{len(changed)} of {total} {verb}: objects {', '.join(words) or 'unchanged'}."


def _ends(review: Review) -> Iterator[str]:
    yield summary(review)
    if said := clusters.summary(review):
        yield said
    elsewhere = [unit for unit in review.units if unit.verdict == "not rendered" and not _concerns(unit)]
    if elsewhere:
        names = ", ".join(str(unit.key) for unit in elsewhere[:5]) + (" …" if len(elsewhere) > 5 else "")
        verb = "is" if len(elsewhere) == 1 else "are"
        yield f"{len(elsewhere)} of other repositories {verb} not rendered: {names}"
    yield from review.notes


def markdown(review: Review, limit: int) -> str:
    """For a comment on a pull request: at most `limit` letters; what does not fit is counted at the end."""
    head = f"### todoke diff `{review.base}` → `{review.head}`\n\n{summary(review)}\n"
    ends = "\n".join(f"* {line}" for line in [*_ends(review)][1:])
    parts, size, left = [head], len(head) + len(ends) + 200, 0
    for unit in review.units:
        if not _is_told(unit):
            continue
        block = _details(unit)
        if size + len(block) > limit:
            block = _line(unit)
        if size + len(block) > limit:
            left += 1
            continue
        parts.append(block)
        size += len(block)
    if left:
        parts.append(
            f"… and {left} more {'application' if left == 1 else 'applications'}: run `todoke diff` to see all."
        )
    return "\n".join([*parts, ends]).rstrip() + "\n"


def _line(unit: UnitReview) -> str:
    return f"* **{unit.key}**: {_counts(unit)} (too long to be shown here)"


def _counts(unit: UnitReview) -> str:
    if unit.problems:
        return "not rendered"
    counts = Counter(change.action for change in _told(unit))
    words = [f"{number} {action}" for action, number in counts.items()]
    if quiet := _noise(unit):
        words.append(f"{len(quiet)} with chart labels or checksums only")
    return ", ".join(words) or "unchanged"


def _details(unit: UnitReview) -> str:
    found = [
        f"<details><summary><b>{_escaped(str(unit.key))}</b>{_news(unit)}: {_escaped(_counts(unit))}</summary>",
        "",
    ]
    found += [f"* not rendered: {_escaped(problem)}" for problem in unit.problems]
    for change in _told(unit):
        body = "\n".join(_hunk(change))
        fence = "`" * max(3, _longest_ticks(body) + 1)
        found.append(f"{_SIGNS[change.action]} **{_escaped(title(change))}**")
        if body:
            found += ["", f"{fence}diff", body, fence]
        if change.folded:
            found += ["", f"also {_escaped(_fields(change.folded))}"]
        found.append("")
    if quiet := _noise(unit):
        found += [f"{_objects(len(quiet))} {_differ(quiet)} only in {_escaped(_fields(_folded(quiet)))}", ""]
    if lines := [*clusters.lines(unit.live)]:
        found += ["In the cluster:", "", *(f"* {_escaped(line)}" for line in lines), ""]
    return "\n".join([*found, "</details>", ""])


def _longest_ticks(body: str) -> int:
    longest = here = 0
    for letter in body:
        here = here + 1 if letter == "`" else 0
        longest = max(longest, here)
    return longest


def _escaped(words: str) -> str:
    """Text that a comment shows as it is."""
    for letter in ("&", "<", ">"):
        words = words.replace(letter, {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[letter])
    return "".join(f"\\{letter}" if letter in "*_`[]|@#" else letter for letter in words)


def data(review: Review) -> dict[str, Any]:
    """For programs."""
    return {
        "base": review.base,
        "head": review.head,
        "differs": review.differs,
        "summary": summary(review),
        "applications": [_unit_data(unit) for unit in review.units],
        "notes": list(review.notes),
    }


def _unit_data(unit: UnitReview) -> dict[str, Any]:
    return {
        "kind": unit.key.kind,
        "namespace": unit.key.namespace,
        "name": unit.key.name,
        "origin": unit.origin,
        "verdict": unit.verdict,
        "problems": list(unit.problems),
        "objects": unit.objects,
        "changes": [_change_data(change) for change in unit.changes],
    } | ({"live": clusters.data(unit.live)} if unit.live is not None else {})


def _change_data(change: ObjectChange) -> dict[str, Any]:
    found: dict[str, Any] = {"action": change.action, **_key_data(change.key), "noise": change.is_noise}
    if change.before is not None:
        found["before"] = _key_data(change.before)
    if change.other is not None:
        found["other"] = str(change.other)
    if change.folded:
        found["folded"] = list(change.folded)
    return found | {"old": change.old, "new": change.new}


def _key_data(key: ObjectKey) -> dict[str, str]:
    return {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
