"""Undo is a commit: it is made on the branch's tip and pushed, and made again when somebody else pushed first."""

import re

from pygit2 import Commit, reference_is_valid_name

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.sources import Reverted, RevertRequest
from todoke.source.git_command import Finished
from todoke.source.keyring import Login
from todoke.source.links import pull_request_link
from todoke.source.refs import HEADS, TAGS, Refs
from todoke.source.remote_errors import git_error, http_error, refused
from todoke.source.repository import Repository
from todoke.source.revert_commit import Undone, undo
from todoke.source.urls import scrubbed

MOST_RACES = 5
_OVERTAKEN = re.compile(
    r"non-fast-forward|fetch first|stale info|cannot lock ref|failed to update ref|reference already exists"
    r"|incorrect old value",
    re.I,
)
_DECLINED = re.compile(r"^!\t[^\t]*\t\[(?:remote )?rejected\]\s*(.*)$", re.M)
_FIELD = "spec.source.targetRevision"


async def revert(repository: Repository, request: RevertRequest, author: tuple[str, str]) -> Reverted:
    """Make and push the commit that undoes a change. See GitSource.revert.

    A commit with conflict markers goes to a topic branch only. A topic branch is overwritten if it still is where
    we last saw it and its tip is a commit of ours; the tracked branch is never forced.
    """
    login = repository.write_login()
    await _check_rights(repository, login)
    for _ in range(MOST_RACES):
        await repository.look()
        refs = repository.refs or Refs({})
        branch = _branch(repository, refs, request.branch)
        push_to = _topic(repository, request.push_to) if request.push_to else branch
        if push_to != branch:
            _spare_others(repository, refs.tips.get(HEADS + push_to, ""), push_to, author)
        undone = _made(repository, refs.tips[HEADS + branch], request, author)
        if undone.conflicts and push_to == branch:
            raise Blocked(
                repository.location.subject,
                f"undoing would conflict with later changes in {', '.join(undone.conflicts)}",
                next_step="Ask for a pull request instead, and mend these files there",
            )
        if await _pushed(repository, login, undone.sha, push_to, None if push_to == branch else refs):
            link = "" if push_to == branch else pull_request_link(repository.url, branch, push_to)
            return Reverted(undone.sha, push_to, undone.reverted, undone.conflicts, link)
    raise Unreachable(repository.location.subject, f"{MOST_RACES} times somebody else pushed first")


def _made(repository: Repository, tip: str, request: RevertRequest, author: tuple[str, str]) -> Undone:
    opened = repository.mirror.repository
    return undo(opened, opened[tip].peel(Commit), request, author, repository.location.subject)


def _branch(repository: Repository, refs: Refs, name: str) -> str:
    """The tracked branch's short name. Raises: Blocked: it is none."""
    if name in ("", "HEAD"):
        name = refs.branch
    name = name.removeprefix(HEADS)
    if HEADS + name in refs.tips:
        return name
    what = "is a tag" if TAGS + name.removeprefix(TAGS) in refs.tips else "is not a branch"
    raise Blocked(
        repository.location.subject,
        f'"{name}" {what}, so there is nothing to commit to',
        field=_FIELD,
        next_step="Set targetRevision to the revision that you want, or let it follow a branch",
    )


def _topic(repository: Repository, name: str) -> str:
    name = name.removeprefix(HEADS)
    if not reference_is_valid_name(HEADS + name):
        raise Blocked(repository.location.subject, f'"{name}" is not a name for a branch')
    return name


def _spare_others(repository: Repository, tip: str, name: str, author: tuple[str, str]) -> None:
    """A branch on which others worked is not overwritten: they may have mended a conflict there. Raises: Blocked."""
    if not tip:
        return
    committer = repository.mirror.repository[tip].peel(Commit).committer
    if (committer.name, committer.email) != author:
        problem = f'the branch "{name}" exists, and its last commit {tip[:8]} is not ours'
        raise Blocked(repository.location.subject, problem, next_step="Name another with --to-branch, or delete it")


async def _check_rights(repository: Repository, login: Login) -> None:
    """Ask whether we may push before anything is made; a server of SSH tells only at the push itself."""
    if repository.location.scheme == "ssh" and not login.ssh_command:
        raise refused(repository.location, login, write=True)
    if repository.location.scheme in ("file", "ssh"):
        return
    answer = await repository.advertisement("git-receive-pack", login)
    if answer.status != 200:
        raise http_error(repository.location, login, answer.status, write=True)


async def _pushed(repository: Repository, login: Login, sha: str, branch: str, refs: Refs | None) -> bool:
    """Push a commit; with `refs` over a branch that is where they say. False when somebody else was first."""
    ref = HEADS + branch
    lease = [f"--force-with-lease={ref}:{refs.tips.get(ref, '')}"] if refs is not None else []
    finished = await repository.push(login, "--porcelain", "--no-verify", *lease, repository.url, f"{sha}:{ref}")
    if finished.status == 0:
        return True
    said = finished.output + finished.errors
    if _OVERTAKEN.search(said):
        return False
    raise _push_error(repository, login, finished)


def _push_error(repository: Repository, login: Login, finished: Finished) -> DeliveryError:
    declined = _DECLINED.search(finished.output)
    if declined is None:
        error = git_error(repository.location, login, finished, write=True)
        if "permission" in str(error).lower():
            return refused(repository.location, login, write=True)
        return error
    remote = " ".join(re.findall(r"^remote: (.*)$", finished.errors, re.M))
    text = scrubbed(f"{declined.group(1)} {remote}", *(secret.reveal() for secret in login.secrets))
    return Blocked(
        repository.location.subject,
        f"the server declined the push: {text}",
        next_step="Ask for a pull request instead, or let the login push to this branch",
    )
