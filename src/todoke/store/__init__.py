"""Outside: the ledger of what happened."""
