"""Logs, metrics and traces, with names that are types."""
