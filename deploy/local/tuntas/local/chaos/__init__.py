"""Many tasks at once, while processes are killed: the load, the strikes, the judge, and reading all records a second time."""
