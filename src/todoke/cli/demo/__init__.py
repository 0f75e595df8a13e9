"""`todoke demo`: the whole story of a service, played with the real program. Only here todoke uses its sandbox."""
