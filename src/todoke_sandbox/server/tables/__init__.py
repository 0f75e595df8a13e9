"""Objects as rows of the tables that kubectl prints."""
