"""The saga coordinator: it goes back, and says the outcome."""
