"""What values look like: numbers with bounds, durations, times, names. Source: CircleCI, "Configuration reference".

What the service refuses is an error; what it lets pass and does not do is a warning.
"""

import re
from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.expressions import ExpressionError, parse
from todoke.pipeline.circleci.expressions.scanner import compiled
from todoke.pipeline.circleci.problems import Mark, Report, nearest

MOST_RERUNS: Final = 5
LONGEST_KEY: Final = 900
IMAGE_KEYS: Final = frozenset(
    {"image", "name", "entrypoint", "command", "user", "environment", "auth", "aws_auth", "gcp_auth"}
)
MACHINE_KEYS: Final = frozenset({"image", "docker_layer_caching", "resource_class", "shell", "enabled"})
METHODS: Final = ("blobless", "full", "shallow")
_NAME = re.compile(r"[A-Za-z][\w\s-]*\Z", re.ASCII)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+\Z")
_RETENTION = re.compile(r"(?:[1-9]|[12][0-9]|30)d\Z")
_SERIAL = re.compile(r"[A-Za-z0-9._/-]{1,512}\Z")
_CRON_FIELD = re.compile(r"(?:\*|[\dA-Za-z]+(?:-[\dA-Za-z]+)?|[\dA-Za-z]+(?:,[\dA-Za-z]+)+)\Z", re.ASCII)
_OPERATORS: Final = ("==", "!=", " and ", " or ", "not ", " matches ", " starts-with ", " contains ")


def check_names(section: Any, kind: str, report: Report) -> None:
    """Names of elements begin with a letter; those of jobs differ in more than capitals."""
    seen: dict[str, str] = {}
    for name in section if isinstance(section, Map) else ():
        if not _NAME.match(name):
            text = f"The name {name} of a {kind} is none that is documented to work"
            report.warning(text, section.key_at(name), "Begin with a letter; then letters, digits, _ and -")
        other = seen.setdefault(name.lower(), name)
        if kind == "job" and other != name:
            report.error(f"The jobs {other} and {name} differ in capitals alone", section.key_at(name), "Rename one")


def check_reruns(body: Map, report: Report) -> None:
    """`max_auto_reruns` of a step or workflow."""
    count = body.get("max_auto_reruns")
    if count is not None and not (type(count) is int and 1 <= count <= MOST_RERUNS):
        text = f"max_auto_reruns: is {count}, and must be a whole number from 1 to {MOST_RERUNS}"
        report.error(text, body.value_at("max_auto_reruns"))


def check_run(body: Map, report: Report) -> None:
    """Durations and reruns of a run step."""
    check_reruns(body, report)
    if "auto_rerun_delay" in body and "max_auto_reruns" not in body:
        report.error("auto_rerun_delay: needs max_auto_reruns", body.key_at("auto_rerun_delay"))
    for key in ("no_output_timeout", "auto_rerun_delay"):
        if key in body and not _DURATION.match(str(body[key])):
            text = f"{key}: is '{body[key]}', which is no duration"
            report.warning(text, body.value_at(key), "Write a number with its unit, such as 10m, 1.25h or 30s")


def check_checkout(body: Map, report: Report) -> None:
    """How a checkout step clones."""
    method, depth = body.get("method", METHODS[0]), body.get("depth")
    if method not in METHODS:
        report.error(f"method: is '{method}'", body.value_at("method"), f"One of {', '.join(METHODS)}")
    if depth is not None and not (type(depth) is int and depth >= 1):
        report.error(f"depth: is {depth}, and must be a whole number from 1 on", body.value_at("depth"))
    elif depth is not None and method != "shallow":
        report.warning("depth means nothing without method: shallow", body.key_at("depth"))


def check_cache_keys(body: Map, report: Report) -> None:
    """Keys of steps that keep files."""
    keys = body.get("keys")
    for key in (body.get("key"), *(keys if isinstance(keys, Seq) else ())):
        if isinstance(key, str) and len(key) > LONGEST_KEY:
            text = f"The cache key is longer than {LONGEST_KEY} characters"
            report.warning(text, body.value_at("key" if "key" in body else "keys"))


def check_machine(machine: Any, report: Report) -> None:
    """Keys of a machine that mean nothing."""
    _unknown(machine, MACHINE_KEYS, "machine:", report)


def check_image(image: Map, report: Report) -> None:
    """Keys of a container that mean nothing."""
    _unknown(image, IMAGE_KEYS, "an entry of docker:", report)


def _unknown(body: Any, known: frozenset[str], where: str, report: Report) -> None:
    for key in body if isinstance(body, Map) else ():
        if key not in known:
            report.warning(f"The key {key} means nothing in {where}", body.key_at(key), nearest(key, known))


def check_retention(body: Map, report: Report) -> None:
    """How long a job's caches are kept."""
    retention = body.get("retention")
    caches = retention.get("caches") if isinstance(retention, Map) else None
    if caches is not None and not _RETENTION.match(str(caches)):
        report.error(f"retention: caches is '{caches}'", body.value_at("retention"), "Write 1d to 30d")


def check_serial_group(kept: Map, report: Report) -> None:
    """The name of a lock between pipelines."""
    group = kept.get("serial-group")
    if group is not None and not _SERIAL.match(str(group)):
        shown = str(group) if len(str(group)) <= 60 else f"{str(group)[:60]}…"
        hint = "At most 512 letters, digits and . _ / -"
        report.error(f"serial-group: '{shown}' is no name for one", kept.value_at("serial-group"), hint)


def check_cron(cron: str, mark: Mark | None, report: Report) -> None:
    """When a workflow starts: five fields without steps, and lists without ranges."""
    fields = cron.split()
    if len(fields) != 5:
        report.error(f"cron: '{cron}' has {len(fields)} fields, and needs five", mark, "Minute hour day month weekday")
        return
    for field in fields:
        if not _CRON_FIELD.match(field):
            hint = "Steps such as */5, and ranges in a list, are not supported: write all values, such as 0,5,10"
            report.error(f"cron: '{field}' of '{cron}' cannot be read", mark, hint)


def check_pattern(source: str, mark: Mark | None, report: Report) -> None:
    """A regular expression of a filter."""
    try:
        compiled(source)
    except ValueError as error:
        report.warning(f"Invalid regular expression: /{source}/: {error}", mark, "It names no branch and no tag")


def check_step_condition(condition: Any, mark: Mark | None, report: Report) -> None:
    """Steps know logic statements alone: the text of an expression is not empty, so that it counts as true."""
    if not isinstance(condition, str) or not any(sign in condition for sign in _OPERATORS):
        return
    try:
        parse(condition)
    except ExpressionError:
        return
    report.warning(
        f"The condition '{condition}' is a text, and so always true", mark, "Write << … >> around it, or equal:"
    )
