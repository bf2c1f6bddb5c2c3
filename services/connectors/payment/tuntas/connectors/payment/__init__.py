"""Payments: authorize, capture, ask, void, refund."""
