"""Where a person opens a pull request for a pushed branch, for the forges that we recognise by their host's name."""

from urllib.parse import quote, urlencode, urlsplit


def pull_request_link(url: str, branch: str, pushed: str) -> str:
    """The page that offers a pull request from `pushed` into `branch`; "" when the forge is not known.

    Args: url: the repository's URL without a login.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    repository = url.partition("?")[0].rstrip("/").removesuffix(".git")
    if parts.scheme not in ("http", "https"):
        return ""
    if "gitlab" in host:
        names = {"merge_request[source_branch]": pushed, "merge_request[target_branch]": branch}
        return f"{repository}/-/merge_requests/new?{urlencode(names)}"
    if host == "bitbucket.org":
        return f"{repository}/pull-requests/new?{urlencode({'source': pushed, 'dest': branch})}"
    if any(name in host for name in ("github", "gitea", "forgejo", "codeberg")):
        return f"{repository}/compare/{quote(branch)}...{quote(pushed)}?expand=1"
    return ""
