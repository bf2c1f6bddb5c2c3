"""Meals brought by couriers, and rides: quote, hold, confirm, ask, cancel."""
