"""`todoke ci`: CircleCI configuration, compiled here."""
