"""What a Git server or the git program says went wrong, as our errors. No text here ever shows a secret."""

import re

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.git_command import Finished
from todoke.source.keyring import Login
from todoke.source.urls import Location, scrubbed

_REFUSED = re.compile(r"authentication failed|could not read (username|password)|error: 40[13]|access denied", re.I)
_NOT_FOUND = re.compile(r"error: 404|repository .*not found|does not appear to be a git repository", re.I)
_NOT_THE_MIRROR = re.compile(
    r"no space left|disk quota|read-only file system|permission denied|disconnect|hung up|rpc failed|timed out"
    r"|connection (reset|refused)|could not resolve|early eof",
    re.I,
)
_DAMAGED = re.compile(
    r"\.lock|corrupt|bad object|missing (blob|tree|commit|object)|not a git repository|object file .* is empty"
    r"|did not send all necessary objects|index-pack (failed|died)|unable to read|does not match index|loose object"
    r"|far too short|bad (pack|packed|ref)|unresolved deltas|broken|too-short",
    re.I,
)
_HOW_TO_READ = 'a Secret labelled "argocd.argoproj.io/secret-type: repository" with url, username and password'
_HOW_TO_WRITE = 'a Secret labelled "argocd.argoproj.io/secret-type: repository-write" with url, username and password'


def refused(location: Location, login: Login, *, write: bool = False) -> Blocked:
    """The error for a login that was not accepted, or that is missing."""
    wanted = _HOW_TO_WRITE if write else _HOW_TO_READ
    may = "write to it" if write else "read it"
    if login.origin:
        problem = f"the server does not let the login of {login.origin} {may}"
        return Blocked(location.subject, problem, next_step=f"Renew that login, or its rights, or add {wanted}")
    problem = f"the server wants a login to {may}, and no credential matches this URL"
    if not write:
        problem += " (forges answer so for repositories that do not exist, too)"
    return Blocked(location.subject, problem, next_step=f"Add {wanted}")


def http_error(location: Location, login: Login, status: int, *, write: bool = False) -> DeliveryError:
    """The error for an HTTP status other than 200."""
    if status in (401, 403):
        return refused(location, login, write=write)
    if status in (404, 410):
        return not_found(location)
    return Unreachable(location.subject, f"the server answered with HTTP status {status}")


def not_found(location: Location) -> Blocked:
    """The error for a URL at which there is no repository."""
    return Blocked(location.subject, "there is no Git repository", next_step="Correct repoURL")


def git_error(location: Location, login: Login, finished: Finished, *, write: bool = False) -> DeliveryError:
    """The error for a git process that failed."""
    if _REFUSED.search(finished.errors):
        return refused(location, login, write=write)
    if _NOT_FOUND.search(finished.errors):
        return not_found(location)
    text = scrubbed(finished.errors, *(secret.reveal() for secret in login.secrets))
    return Unreachable(location.subject, f"git failed: {text or f'exit status {finished.status}'}")


def mirror_is_damaged(finished: Finished) -> bool:
    """Whether git failed because of what is in our mirror, and not of a broken connection or a full disk."""
    if finished.status == 0 or _NOT_THE_MIRROR.search(finished.errors):
        return False
    return bool(_DAMAGED.search(finished.errors))
