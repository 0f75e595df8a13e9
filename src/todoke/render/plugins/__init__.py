"""Config management plugins: programs of the installation that make manifests of a commit's files."""

from todoke.render.plugins.choice import Plugins
from todoke.render.plugins.folder import read_plugins
from todoke.render.plugins.runs import Runs

__all__ = ["Plugins", "Runs", "read_plugins"]
