"""Engines: one door to language models, with prices, policies and a usage event for every attempt."""
