"""Outside: Git, and nothing else. The newest revision of a repository and its files."""
