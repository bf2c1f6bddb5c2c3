"""Reads what a person wants out of a sentence in English, Indonesian or Chinese. Pure: no clock, no network.

    reading = read("tiket ke Bali besok berdua", now=now, tz="Asia/Jakarta")
    reading.goals[0].label, reading.goals[0].slots["destination"].canonical["code"]

The tables of words, places and goals in `data` are loaded at the first sentence, in about a second.
"""

from tuntas.language.goals import missing
from tuntas.language.model import Goal, Reading, Slot, Value
from tuntas.language.phrases import not_read, question
from tuntas.language.reader import read, values

__all__ = ["Goal", "Reading", "Slot", "Value", "missing", "not_read", "question", "read", "values"]
