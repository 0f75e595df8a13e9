"""What a Git server or the git program says went wrong, as our errors. No text here ever shows a secret."""

import re

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.sources import shown_url
from todoke.source.git_command import Finished
from todoke.source.keyring import Login
from todoke.source.urls import Location, scrubbed

_REFUSED = re.compile(r"authentication failed|could not read (username|password)|error: 40[13]|access denied", re.I)
_NOT_FOUND = re.compile(
    r"error: 404|repository .*not found|does not appear to be a git repository|project you were looking for", re.I
)
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
_KNOWN_HOSTS = '"ssh_known_hosts" of ConfigMap argocd-ssh-known-hosts-cm'


def refused(location: Location, login: Login, *, write: bool = False) -> Blocked:
    """The error for a login that was not accepted, or that is missing."""
    ssh = location.scheme == "ssh"
    keys = "sshPrivateKey" if ssh else "username and password"
    secret_type = "repository-write" if write else "repository"
    label = f"argocd.argoproj.io/secret-type: {secret_type}"
    wanted = f'a Secret labelled "{label}" with url {shown_url(location.url)} and {keys}'
    may = "write to it" if write else "read it"
    if ssh and not login.ssh_command:
        problem = f"SSH needs a key to {may}, and no credential with one matches this URL"
        return Blocked(location.subject, problem, next_step=f"Add {wanted}")
    if ssh:
        problem = f"the server does not let the key of {login.origin} {may}"
        step = "Add its public key there, as a deploy key that may write" if write else "Add its public key there"
        return Blocked(location.subject, problem, next_step=f"{step}, or renew sshPrivateKey")
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


def _ssh_error(location: Location, login: Login, said: str, *, write: bool) -> Blocked | None:
    """The error for what `ssh` says; None when it is nothing of its own. Source: OpenSSH 9, sshconnect.c."""
    if re.search(r"cannot run ssh|ssh: (command )?not found", said):
        return Blocked("Program ssh", "is not installed", next_step="Install the OpenSSH client")
    if "No user exists for uid" in said:
        step = "Run todoke as a user that is named in /etc/passwd"
        return Blocked("Program ssh", "does not run for a user without a name", next_step=step)
    if "HOST IDENTIFICATION HAS CHANGED" in said or "is revoked" in said:
        problem = f"{location.host} shows another host key than the one that is known: somebody may be in between"
        step = f"If its key was changed, replace the lines of that host in {_KNOWN_HOSTS}"
        return Blocked(location.subject, problem, next_step=step)
    if "Host key verification failed" in said:
        name, _, port = location.host.partition(":") if not location.host.startswith("[") else (location.host, "", "")
        scan = f"ssh-keyscan -p {port} {name}" if port else f"ssh-keyscan {name}"
        problem = f"the host key of {location.host} is not known"
        step = f"Compare what `{scan}` says with what its owner publishes, and add it to {_KNOWN_HOSTS}"
        return Blocked(location.subject, problem, next_step=step)
    if re.search(r"Load key .*: (invalid format|error in libcrypto|unsupported)", said):
        step = "Give it the whole file, with its line breaks"
        return Blocked(login.origin, "ssh cannot read the key", field="sshPrivateKey", next_step=step)
    if re.search(r"Permission denied \(|Too many authentication failures|access denied", said, re.I):
        return refused(location, login, write=write)
    return None


def git_error(location: Location, login: Login, finished: Finished, *, write: bool = False) -> DeliveryError:
    """The error for a git process that failed."""
    if location.scheme == "ssh" and (error := _ssh_error(location, login, finished.errors, write=write)):
        return error
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
