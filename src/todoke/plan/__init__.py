"""Decide: which steps, in which order, and what waits for a person."""
