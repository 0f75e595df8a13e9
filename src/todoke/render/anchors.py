"""A few folders that stand for all that a rendering looked at: while they are the same, nothing else need be asked."""

from collections.abc import Iterable

from todoke.model.renderings import Checkout
from todoke.model.trees import Astray, Look, Tree, answer_of

_OF_FILES = ("read", "kind")
_NOT_IN_TREES = ("variable", "engine", "options")


def anchors(checkout: Checkout, looks: Iterable[Look]) -> tuple[Look, ...]:
    """Looks at whole folders, and those at no file: when all are answered as before, so are all the others.

    Empty where a link was followed: what it leads to may change without its folder.
    """
    found: dict[Look, None] = {}
    for look in looks:
        if look.intent in _NOT_IN_TREES:
            found[look] = None
            continue
        tree = checkout.refs[look.ref] if look.ref else checkout.tree
        if not _is_straight(tree, look.path):
            return ()
        folder = _folder(look, "" if look.ref else checkout.spec.path)
        found[Look(folder, "tree", answer_of(tree, folder, "tree"), look.ref)] = None
    return tuple(found)


def _folder(look: Look, own: str) -> str:
    """The source's own folder, else the one that a look is in or at."""
    if own and own != "." and (look.path == own or look.path.startswith(f"{own}/")):
        return own
    if not look.answer or (look.intent in _OF_FILES and look.answer != "folder"):
        return look.path.rpartition("/")[0]
    return "" if look.path == "." else look.path


def _is_straight(tree: Tree, path: str) -> bool:
    """Whether no link lies on the way to a path, be something there or not."""
    try:
        return tree.find(path).path == ("" if path == "." else path)
    except Astray as error:
        at = error.at.path
        return bool(error.missing) and (not at or path == at or path.startswith(f"{at}/"))
