"""The render worker: real engines in processes of their own, which see of the world what we answer them."""

from todoke.render.worker.outcomes import EngineFailed, Limits, Output
from todoke.render.worker.pool import Workers
from todoke.render.worker.program import program

__all__ = ["EngineFailed", "Limits", "Output", "Workers", "program"]
