"""CI configuration as a job graph. One room for each language that is read."""
