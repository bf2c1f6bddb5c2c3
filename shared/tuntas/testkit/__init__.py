"""Imported by tests only: histories over pure cores, the seeded simulator, conformance suites, fixtures."""
