"""Flights and hotels: quote, hold, confirm, ask, cancel."""
