"""Face: the command line. Each command is a thin file; what it does is a function of a walk."""
