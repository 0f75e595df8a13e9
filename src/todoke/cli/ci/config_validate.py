"""`todoke ci config validate`."""

from todoke.cli.ci.reading import renamed
from todoke.cli.ci.validate import command as validate

command = renamed(validate, "validate", "todoke ci config validate")
