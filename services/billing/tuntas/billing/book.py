"""Who pays by which plan: price plans as dated rows, and each tenant's plan and time zone, from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from tuntas.kit.billing.rating import Plan
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.forms import Form


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name} is no time zone") from None


class Terms(Form):
    """A tenant's plan, and the zone at whose midnight its months end."""

    plan: str
    zone: Annotated[str, AfterValidator(_zone)]


class _File(Form):
    plans: tuple[Plan, ...] = Field(min_length=1)
    default: Terms
    tenants: dict[str, Terms] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ids = [plan.id for plan in self.plans]
        starts = [(plan.plan, plan.valid_from) for plan in self.plans]
        known = {plan.plan for plan in self.plans}
        unknown = [terms.plan for terms in (self.default, *self.tenants.values()) if terms.plan not in known]
        if len({*ids}) < len(ids) or len({*starts}) < len(starts):
            raise ValueError("an id, or a plan's valid_from, stands twice")
        if unknown:
            raise ValueError(f"{unknown[0]} is no plan of this file")
        return self


@dataclass(frozen=True)
class Book:
    """What one reading of the file found."""

    plans: tuple[Plan, ...]
    default: Terms
    tenants: Mapping[str, Terms]

    @cached_property
    def _rows(self) -> dict[str, list[Plan]]:
        ordered = sorted(self.plans, key=lambda row: row.valid_from)
        return {row.plan: [each for each in ordered if each.plan == row.plan] for row in ordered}

    def terms(self, tenant: str) -> Terms:
        """Return a tenant's terms; one that the file does not name has the default ones."""
        return self.tenants.get(tenant, self.default)

    def row(self, tenant: str, month: str) -> Plan:
        """Return the row of a tenant's plan that is valid in a month; a plan's first row holds for all months before it, too."""
        rows, first = self._rows[self.terms(tenant).plan], date.fromisoformat(f"{month}-01")
        return next((row for row in reversed(rows) if row.valid_from <= first), rows[0])


def load(path: Path | None) -> Book:
    """Read a plans file; none: the one that comes with the package.

    Raises:
        ConfigurationError: `bad_plans`, with all that is wrong.
    """
    place = path or files("tuntas.billing") / "plans.yaml"
    try:
        read = _File.model_validate(yaml.safe_load(place.read_text(encoding="utf-8")))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigurationError("bad_plans", "\n".join(faults)) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError("bad_plans", f"{place}: {error}") from None
    return Book(read.plans, read.default, read.tenants)
