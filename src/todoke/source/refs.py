"""The refs of a repository, and what a revision means among them."""

import difflib
import re

import msgspec

FULL_SHA = re.compile(r"^[0-9a-f]{40}$")
SHORT_SHA = re.compile(r"^[0-9a-f]{7,39}$")
HEADS, TAGS = "refs/heads/", "refs/tags/"


class Refs(msgspec.Struct, frozen=True):
    """All heads and tags as the server listed them: commit SHAs by full name, annotated tags peeled."""

    tips: dict[str, str]
    head: str = ""  # SHA of HEAD, "" in an empty repository
    branch: str = ""  # full name of the branch that HEAD is

    def resolve(self, revision: str) -> str:
        """The SHA of HEAD, a branch, a tag or a full ref name; "" when there is none.

        A branch comes before a tag of the same name. Source: Argo CD takes the first match in the order of
        `git ls-remote`, where heads come before tags.
        """
        if revision in ("", "HEAD"):
            return self.head
        for name in (revision, HEADS + revision, TAGS + revision, "refs/" + revision):
            if name in self.tips:
                return self.tips[name]
        return ""

    def near(self, revision: str) -> list[str]:
        """Up to three names of branches and tags that resemble the revision, else the default branch."""
        names = [name.removeprefix(HEADS).removeprefix(TAGS) for name in self.tips]
        close = difflib.get_close_matches(revision.removeprefix(HEADS), names[:5000], n=3, cutoff=0.5)
        return close or [self.branch.removeprefix(HEADS)] * bool(self.branch)

    @property
    def shas(self) -> set[str]:
        """Every commit that a ref names."""
        return {*self.tips.values(), self.head} - {""}


def parse_ls_remote(text: str) -> Refs:
    """The refs in the output of `git ls-remote --symref`."""
    tips: dict[str, str] = {}
    head = branch = ""
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD":
            if value.startswith("ref: "):
                branch = value.removeprefix("ref: ")
            else:
                head = value
        elif name.startswith("refs/"):
            tips[name.removesuffix("^{}")] = value  # the peeled line follows the tag's own
    return Refs(tips, head, branch)
