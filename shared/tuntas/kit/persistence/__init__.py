"""PostgreSQL: pools, the tables of the runtime, the state store, migrations."""
