"""Commands for repositories and their logins."""
