"""HTTP helpers shared by doors: problems."""
