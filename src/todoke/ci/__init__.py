"""The CI half: from a configuration to a job graph."""
