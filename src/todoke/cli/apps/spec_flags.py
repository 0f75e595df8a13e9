"""The flags that `create` and `set` share: fields of a spec."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from todoke.delivery.wishes import SpecWish

T = TypeVar("T")

_FLAGS = (
    click.option("--repo", "repo_url", metavar="URL", help="Git repository."),
    click.option("--path", metavar="FOLDER", help="Folder in the repository."),
    click.option("--revision", metavar="REF", help="Branch, tag or commit to follow. [default: HEAD]"),
    click.option("--recurse/--no-recurse", default=None, help="Read the folders below the path too."),
    click.option("--include", metavar="GLOB", help="Only files that match; empty text for all."),
    click.option("--exclude", metavar="GLOB", help="Not the files that match."),
    click.option("--dest-namespace", "namespace_to", metavar="NAME", help="Namespace of objects that name none."),
    click.option("--dest-server", "server", metavar="URL", help="Cluster by URL. [default: the one we run in]"),
    click.option("--dest-name", "cluster", metavar="NAME", help="Cluster by name, instead of the URL."),
    click.option("--project", metavar="NAME", help="Project whose rules apply. [default: default]"),
    click.option(
        "--sync-policy",
        type=click.Choice(["manual", "automated"]),
        help="Sync by hand, or whenever Git changes. Manual keeps the other flags for later.",
    ),
    click.option("--auto-prune/--no-auto-prune", "prune", default=None, help="Delete what Git has no more."),
    click.option("--self-heal/--no-self-heal", default=None, help="Undo changes made in the cluster."),
    click.option("--allow-empty/--no-allow-empty", default=None, help="Let an empty folder delete everything."),
    click.option(
        "--sync-option", "options", metavar="NAME=VALUE", multiple=True, help="Such as CreateNamespace=true; !NAME off."
    ),
    click.option("--history-limit", type=click.IntRange(min=0), metavar="N", help="Entries of status.history to keep."),
)


def spec_fields(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command these flags, and a SpecWish as its keyword `wish`."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        policy = kwargs.pop("sync_policy")
        wish = SpecWish(
            automated=None if policy is None else policy == "automated",
            namespace=kwargs.pop("namespace_to"),
            **{name: kwargs.pop(name) for name in _SAME_NAME},
        )
        return command(*args, wish=wish, **kwargs)

    for flag in reversed(_FLAGS):
        flag(wrapper)
    return wrapper


_SAME_NAME = (
    *("repo_url", "path", "revision", "recurse", "include", "exclude", "server", "cluster", "project"),
    *("prune", "self_heal", "allow_empty", "options", "history_limit"),
)
