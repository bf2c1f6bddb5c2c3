"""Saga histories as data: what providers answer, what happens when, and what must have come of it (docs/scenarios.md)."""
