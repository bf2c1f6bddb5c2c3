"""Reads what a person wants out of a sentence in English, Indonesian or Chinese. Pure: no clock, no network."""
