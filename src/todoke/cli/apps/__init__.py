"""`todoke app`: one file per verb."""
