"""What forges say of pushes: their webhooks' payloads and signatures. Pure: no loop, no network."""
