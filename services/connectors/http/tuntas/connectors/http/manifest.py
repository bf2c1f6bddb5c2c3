"""The manifest: what a foreign API offers and promises. Read from a file or from the API itself; what is wrong with it is told at once."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx2
import yaml
from pydantic import Field, ValidationError, model_validator

from tuntas.contracts.base import Document
from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, ProviderSpec, SlotMapping, Travels
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.forms import Form

Call = Annotated[str, Field(pattern=r"^(GET|POST) /\S*$")]
"""A method and a path; `{reference}`, `{action}` and `{object}` are filled in."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_SECONDS = 10.0


class Endpoints(Form):
    """Where each question is put. Without `inquire` the provider can't be asked, without `undo_quote` undoing costs what was offered."""

    quote: Call
    act: Call
    undo: Call
    inquire: Call | None = None
    undo_quote: Call | None = None


class Promise(Form):
    """What the API guarantees for resolving doubt (protocol R5). Seconds."""

    name: Name
    payee: str = ""
    honours_keys: bool = False
    cancels_by_reference: bool = False
    settle_seconds: float = Field(default=5.0, gt=0, le=3600)


class StepSpec(Form):
    """One action of each offer of a goal type, in order. `obliges` and `moves_money` need a signed approval."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
    action: Annotated[str, Field(pattern=r"^[a-z][a-z_]*(\.[a-z][a-z_]*)+$")]
    kind: StepKind = StepKind.COMPENSATABLE
    phase: Phase = Phase.CONFIRM
    acts_on: str | None = None
    obliges: bool = False
    moves_money: bool = False


class Goals(Form):
    """A goal type with its steps; `example` are parameters that the conformance suite may use."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]*(\.[a-z][a-z_]*)+$")]
    parameters: Document
    mapping: dict[str, SlotMapping] = Field(default_factory=dict)
    steps: tuple[StepSpec, ...] = ()
    charges: bool = False
    informs: bool = False
    travels: Travels | None = None
    example: Document = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names: set[str] = set()
        for step in self.steps:
            if step.name in names or (step.acts_on is not None and step.acts_on not in names):
                raise ValueError(f"step {step.name}: its name is its own, and it acts on an earlier step")
            names.add(step.name)
        if self.informs == bool(self.steps):
            raise ValueError(f"{self.name}: it either informs or has steps")
        return self

    def goal_type(self) -> GoalType:
        """Return the goal type as it is declared to the platform."""
        actions = tuple(
            ActionSpec(action=s.action, kinds=(s.kind,), phase=s.phase, inquire="by our reference", undo=f"{s.action}.undo")
            for s in self.steps
        )
        facts = self.model_dump(include={"name", "parameters", "charges", "informs"})
        return GoalType(**facts, mapping=self.mapping, travels=self.travels, actions=actions)


class Manifest(Form):
    """A connector and its one provider."""

    connector: Name
    provider: Promise
    base_url: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    endpoints: Endpoints
    goal_types: tuple[Goals, ...] = Field(min_length=1)

    @property
    def spec(self) -> ProviderSpec:
        """Return the provider's promises."""
        promised = self.provider
        return ProviderSpec(
            name=promised.name,
            honours_keys=promised.honours_keys,
            inquires=self.endpoints.inquire is not None,
            cancels_by_reference=promised.cancels_by_reference,
            settle_seconds=promised.settle_seconds,
        )

    @property
    def obliging(self) -> frozenset[str]:
        """Return the actions that need an approval."""
        return frozenset(s.action for goal in self.goal_types for s in goal.steps if s.obliges or s.moves_money)

    def goal(self, name: str) -> Goals | None:
        """Return a goal type by its name."""
        return next((goal for goal in self.goal_types if goal.name == name), None)


def load(source: str) -> Manifest:
    """Read a manifest from a file or an http(s) address. Without `base_url` the API is where its manifest is.

    Raises:
        ConfigurationError: `manifest_unreadable`, `bad_manifest` with every fault, or `missing_variable`.
    """
    web = urlsplit(source).scheme in {"http", "https"}
    try:
        found: Any = yaml.safe_load(_fetched(source) if web else Path(source).read_text())
        manifest = Manifest.model_validate(_filled(found))
    except (OSError, httpx2.HTTPError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("manifest_unreadable", f"{source}: {error}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False, include_input=False))
        raise ConfigurationError("bad_manifest", "\n".join(faults)) from None
    base = manifest.base_url or (urlsplit(source)._replace(path="", query="", fragment="").geturl() if web else "")
    if urlsplit(base).scheme not in {"http", "https"}:
        raise ConfigurationError("bad_manifest", "base_url: an http or https address is needed")
    return manifest.model_copy(update={"base_url": base.rstrip("/")})


def _fetched(address: str) -> str:
    answer = httpx2.get(address, timeout=_SECONDS, follow_redirects=False, trust_env=False)
    return answer.raise_for_status().text


def _filled(value: Any) -> Any:
    """Put variables of the environment in the place of `${NAME}`, so that no secret has to stand in a manifest."""
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    return _VARIABLE.sub(_variable, value) if isinstance(value, str) else value


def _variable(found: re.Match[str]) -> str:
    if found[1] not in os.environ:
        raise ConfigurationError("missing_variable", f"the manifest asks for ${{{found[1]}}}")
    return os.environ[found[1]]
