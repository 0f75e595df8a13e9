"""Walk: the CD half. Read walk.py first."""
