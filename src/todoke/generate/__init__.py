"""ApplicationSets, as far as Git repositories alone can answer them: parameters, templates, Applications."""

from todoke.generate.application import application
from todoke.generate.making import Evaluate, FileGlobs, Load, Means, Repositories, Repository
from todoke.generate.parameters import parameter_sets
from todoke.generate.plain import plain
from todoke.generate.sets import Generated, Problem, applications

__all__ = [
    "Evaluate",
    "FileGlobs",
    "Generated",
    "Load",
    "Means",
    "Problem",
    "Repositories",
    "Repository",
    "application",
    "applications",
    "parameter_sets",
    "plain",
]
