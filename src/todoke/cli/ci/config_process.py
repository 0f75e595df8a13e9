"""`todoke ci config process`."""

from todoke.cli.ci.compile import command as compile_
from todoke.cli.ci.reading import renamed

command = renamed(compile_, "process", "todoke ci config process")
