"""`todoke ci orb` and its commands."""

from todoke.cli.lazy import LazyGroup, Table, examples

COMMANDS: Table = {
    "list": ("todoke.cli.ci.orb_list", "List the orbs of a configuration, and where each comes from."),
    "show": ("todoke.cli.ci.orb_show", "Show what an orb offers: elements, parameters, defaults."),
    "lock": ("todoke.cli.ci.orb_lock", "Pin the orbs of a configuration to versions and texts; asks the registry."),
    "validate": ("todoke.cli.ci.orb_validate", "Say what is wrong with an orb, by itself."),
    "pack": ("todoke.cli.ci.orb_pack", "Print an orb's folder as one text."),
}
command = LazyGroup(
    "orb",
    COMMANDS,
    "Work with orbs. They come from the configuration, its folder orbs/, the lock file and todoke, in this order.",
    examples("todoke ci orb list", "todoke ci orb lock", "todoke ci orb show circleci/node@5.0"),
)
