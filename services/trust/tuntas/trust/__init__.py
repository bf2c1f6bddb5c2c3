"""Whether this exact plan may run: mandates, budgets, approvals."""
