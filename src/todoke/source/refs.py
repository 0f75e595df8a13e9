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
    tags: dict[str, str] = {}  # the objects of annotated tags themselves, by full name

    def resolve(self, revision: str) -> str:
        """The SHA of HEAD, a branch, a tag or a full ref name; "" when there is none.

        A branch comes before a tag of the same name. Source: Argo CD takes the first match in the order of
        `git ls-remote`, where heads come before tags.
        """
        return self.head if revision in ("", "HEAD") else self.tips.get(self.full_name(revision), "")

    def full_name(self, revision: str) -> str:
        """The full name of the ref that a revision names; "" when there is none."""
        names = (revision, HEADS + revision, TAGS + revision, "refs/" + revision)
        return next((name for name in names if name in self.tips), "")

    def near(self, revision: str) -> list[str]:
        """Up to three names of branches and tags that resemble the revision, else the default branch."""
        names = [name.removeprefix(HEADS).removeprefix(TAGS) for name in self.tips]
        close = difflib.get_close_matches(revision.removeprefix(HEADS), names[:5000], n=3, cutoff=0.5)
        return close or [self.branch.removeprefix(HEADS)] * bool(self.branch)

    @property
    def shas(self) -> set[str]:
        """Every commit that a ref names, and every annotated tag."""
        return {*self.tips.values(), *self.tags.values(), self.head} - {""}


def parse_ls_remote(text: str) -> Refs:
    """The refs in the output of `git ls-remote --symref`."""
    tips: dict[str, str] = {}
    tags: dict[str, str] = {}
    head = branch = ""
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD":
            if value.startswith("ref: "):
                branch = value.removeprefix("ref: ")
            else:
                head = value
        elif name.startswith("refs/"):
            plain = name.removesuffix("^{}")
            if plain != name:  # the peeled line follows the tag's own
                tags[plain] = tips[plain]
            tips[plain] = value
    return Refs(tips, head, branch, tags)
