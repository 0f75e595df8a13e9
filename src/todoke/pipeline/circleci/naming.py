"""Names of jobs in the compiled configuration, and the requirements between them.

Jobs that come out the same share a name across workflows. Of those that differ, or that stand twice in one workflow,
each gets a number: build-1, build-2.
"""

from collections.abc import Mapping, Sequence

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.invocations import Instance
from todoke.pipeline.circleci.problems import Report, nearest


def name_all(workflows: Mapping[str, Sequence[Instance]]) -> dict[str, Map]:
    """Give every instance its name; the bodies by their names, in order."""
    slots: dict[str, list[tuple[Map, set[str], list[Instance]]]] = {}
    for workflow, instances in workflows.items():
        for one in instances:
            if one.body is None:
                continue
            here = slots.setdefault(one.base, [])
            for body, users, members in here:
                if workflow not in users and body == one.body:
                    users.add(workflow)
                    members.append(one)
                    break
            else:
                here.append((one.body, {workflow}, [one]))
    numbered = {id(one): (body, name) for base, here in slots.items() for body, one, name in _named(base, here)}
    found: dict[str, Map] = {}
    for instances in workflows.values():
        for one in instances:
            if id(one) in numbered:
                body, one.name = numbered[id(one)]
                found.setdefault(one.name, body)
    return found


def _named(base: str, slots: list[tuple[Map, set[str], list[Instance]]]) -> list[tuple[Map, Instance, str]]:
    several = len(slots) > 1
    return [
        (body, one, f"{base}-{number}" if several else base)
        for number, (body, _, members) in enumerate(slots, 1)
        for one in members
    ]


def connect(workflow: str, instances: Sequence[Instance], report: Report) -> None:
    """Write the requirements of a workflow's jobs with final names; what is wrong with them is put on record."""
    by_base: dict[str, list[Instance]] = {}
    groups: dict[str, list[Instance]] = {}
    for one in instances:
        by_base.setdefault(one.base, []).append(one)
        if one.group:
            groups.setdefault(one.group, []).append(one)
    for one in instances:
        if "requires" not in one.kept:
            continue
        written = Seq(one.kept.value_at("requires"))
        for name, item, at in one.requires:
            others = groups.get(name) or [other for other in by_base.get(name, ()) if other is not one]
            if not others or (len(others) > 1 and name not in groups):
                _ambiguous(one, name, others, workflow, [*by_base, *groups], report)
                continue
            for other in others:
                if isinstance(item, Map):
                    status = Map(at)
                    status.put(other.name, item[name], at, item.value_at(name))
                    written.put(status, at)
                else:
                    written.put(other.name, at)
        one.kept.put("requires", written, one.kept.key_at("requires"), written.at)
    _check_circles(instances, report)


def _ambiguous(
    one: Instance, name: str, others: list[Instance], workflow: str, known: list[str], report: Report
) -> None:
    mark = next((at for required, _, at in one.requires if required == name), one.mark)
    text = f"Job '{one.base}' requires '{name}', which is the name of {len(others)} other jobs in workflow '{workflow}'"
    hint = "You can give a job within a workflow an explicit name by adding a name key"
    if not others:
        hint = "A job cannot wait for itself" if name == one.base else nearest(name, known)
    report.error(text, mark, hint)


def _check_circles(instances: Sequence[Instance], report: Report) -> None:
    """Jobs that wait for each other never start."""
    needs = {one.name: set(_required(one)) for one in instances}
    reached: set[str] = set()
    while True:
        free = [name for name, names in needs.items() if name not in reached and names <= reached]
        if not free:
            break
        reached.update(free)
    stuck = sorted(needs.keys() - reached)
    if not stuck:
        return
    mark = next((one.mark for one in instances if one.name in stuck), None)
    if not reached:
        report.error("At least one job in the workflow must have no dependencies.", mark)
    report.error(f"The following jobs are unreachable: {', '.join(stuck)}", mark, "They wait for each other")


def _required(one: Instance) -> list[str]:
    listed = one.kept.get("requires") or ()
    return [next(iter(item)) if isinstance(item, Map) else str(item) for item in listed]
