"""What a git process of the server sees: the machine's PATH, and no configuration but ours."""

import os
from collections.abc import Mapping

_OURS = {
    "gc.auto": "0",  # no process may go on after the one that was asked for
    "maintenance.auto": "false",
    "receive.autogc": "false",
}


def git_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of a git process with these settings, which beat those of the repository.

    Source: git-config, GIT_CONFIG_COUNT. Without HOME there is no configuration of a user, and no prompt can come.
    """
    config = _OURS | dict(settings or {})
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for number, (key, value) in enumerate(config.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
