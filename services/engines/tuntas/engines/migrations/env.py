"""Alembic's entry; the kit does the rest."""

from tuntas.kit.persistence.migrate import run

run()
