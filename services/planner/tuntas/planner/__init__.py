"""Turns goals and quotes into a plan: which offers, in which order, with which alternatives."""
