"""Durations on the command line."""

import math

import click


class Seconds(click.ParamType[float]):
    """More than nothing and less than for ever."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds; a usage error for anything else."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds
