"""Where orbs come from: a folder beside the configuration, the lock file, and those that come with todoke."""

from todoke.source.orbs.library import Library

__all__ = ["Library"]
