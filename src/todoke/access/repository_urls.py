"""One repository, many spellings: the form in which URLs are compared."""

import re

_SCP_LIKE = re.compile(r"^[^/:@]*@[^@]+$")


def comparable_url(url: str) -> str:
    """A repository's URL for comparison: lower case, without `.git`, SSH always as `user@host/path`.

    Source: Argo CD, NormalizeGitURL; beyond it, a trailing slash makes no other repository.
    """
    text = url.strip().lower()
    if "://" not in text and _SCP_LIKE.match(text):
        text = text.replace(":", "/", 1)
    return text.removeprefix("ssh://").rstrip("/").removesuffix(".git")
