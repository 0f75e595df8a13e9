"""A Git server on loopback: smart HTTP with users, protected branches and a push hook."""
