"""Providers, their models and prices, and the policies of scenarios: read once at start from tables that a deployment may add to."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
from pydantic import ConfigDict, Field, ValidationError

from tuntas.contracts.base import Document
from tuntas.contracts.engines import Charge, Tokens
from tuntas.engines.dialects import Rule
from tuntas.engines.prices import Calendar, Price, charge, row_at
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.forms import Form

EMBEDDED = "embedded"
"""The name of the engine that needs no provider, no key and no price."""


class Table(Form):
    """A part of a table: a misspelt name is told, not ignored."""

    model_config = ConfigDict(ignored_types=(cached_property,))


class Model(Table):
    """A model as its provider bills it: the tokens that a prompt may have, and its price rows."""

    window: int = Field(ge=1)
    prices: tuple[Price, ...] = ()


class Provider(Table):
    """A server with an OpenAI-compatible interface.

    `key_variable` names the variable of its key, `place` says where words go, `renames` what it calls options that others name otherwise.
    """

    base_url: str = Field(pattern=r"^https?://")
    key_variable: str = Field(default="", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    place: str = ""
    renames: Mapping[str, str] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    models: Mapping[str, Model]


class Policy(Table):
    """How a scenario is answered: routes in order, at most `hops` times another one, all within the deadline."""

    routes: tuple[str, ...] = Field(min_length=1)
    reference: str | None = None
    deadline_ms: int = Field(ge=1, le=120_000)
    first_word_ms: int = Field(ge=1, le=120_000)
    hops: int = Field(ge=0, le=10)
    max_tokens: int = Field(ge=1)
    system: str
    input: Document
    output: Document

    @cached_property
    def _validators(self) -> tuple[Any, Any]:
        return jsonschema_rs.validator_for(self.input, validate_formats=True), jsonschema_rs.validator_for(self.output)

    def input_faults(self, document: object) -> list[str]:
        """Return what is wrong with what is asked, values left out."""
        return _faults(self._validators[0], document)

    def output_faults(self, document: object) -> list[str]:
        """Return what is wrong with an answer, values left out."""
        return _faults(self._validators[1], document)


def _faults(validator: Any, document: object) -> list[str]:
    found = zip(range(5), validator.iter_errors(document), strict=False)
    return [f"{'/'.join(map(str, e.instance_path)) or 'document'}: {e.kind.name}" for _, e in found]


class Catalogue(Table):
    """Everything that is known of providers. `rules` speak where a provider's own do not."""

    providers: Mapping[str, Provider]
    rules: tuple[Rule, ...] = ()
    calendars: dict[str, Calendar] = Field(default_factory=dict)

    def rules_of(self, provider: str) -> Sequence[Rule]:
        """Return a provider's dialect: its own rules, then those of all."""
        return (*self.providers[provider].rules, *self.rules)

    def model(self, route: str) -> Model | None:
        """Return the model that a route such as `openai/gpt-6-sol` names."""
        provider, _, name = route.partition("/")
        return self.providers[provider].models.get(name) if provider in self.providers else None

    def price(self, route: str, at: datetime) -> Price | None:
        """Return the price row of a route at an instant."""
        model = self.model(route)
        return row_at(model.prices, at) if model else None

    def charge(self, route: str, tokens: Tokens, begun: datetime, ended: datetime) -> Charge | None:
        """Return what a call costs by the row that held when it began; None for the embedded engine and for an unknown model."""
        row = self.price(route, begun)
        return charge(row, tokens, begun, ended, self.calendars) if row else None


def read_catalogue(extra: Path | None = None) -> Catalogue:
    """Return the providers of the package with those of a file.

    Raises:
        ConfigurationError: `bad_providers`.
    """
    own, more = _packaged("providers.toml"), _read(extra, "bad_providers")
    merged = {
        "rules": own["rules"] + more.pop("rules", []),
        "calendars": own["calendars"] | more.pop("calendars", {}),
        "providers": own["providers"] | more.pop("providers", {}),
        **more,
    }
    found: Catalogue = _checked(Catalogue, merged, "bad_providers")
    if EMBEDDED in found.providers or "scenario" in found.providers:
        raise ConfigurationError("bad_providers", f"{EMBEDDED} and scenario are names of our own")
    return found


class _Policies(Table):
    scenarios: Mapping[str, Policy]


def read_policies(catalogue: Catalogue, extra: Path | None = None) -> Mapping[str, Policy]:
    """Return the policies of the package, replaced by those of a file.

    Raises:
        ConfigurationError: `bad_scenarios`: malformed, or a route names no model.
    """
    merged = _packaged("scenarios.toml")["scenarios"] | _read(extra, "bad_scenarios").get("scenarios", {})
    found: _Policies = _checked(_Policies, {"scenarios": merged}, "bad_scenarios")
    for name, policy in found.scenarios.items():
        for route in (*policy.routes, *filter(None, [policy.reference])):
            if route != f"{EMBEDDED}/{name}" and catalogue.model(route) is None:
                raise ConfigurationError("bad_scenarios", f"{name}: no model {route}")
    return found.scenarios


def _packaged(name: str) -> dict[str, Any]:
    return tomllib.loads(files("tuntas.engines").joinpath("data", name).read_text())


def _read(path: Path | None, code: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text()) if path else {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(code, f"{path}: {error}") from None


def _checked(model: type[Any], found: dict[str, Any], code: str) -> Any:
    try:
        return model.model_validate(found)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:5])
        raise ConfigurationError(code, "; ".join(faults)) from None
