"""What was used, what is owed for it, and the ledger that says so."""
