"""Where the command finds the platform: a profile file that `make up` writes, each value replaceable by an environment variable."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

from tuntas.cli.faults import EXIT_USAGE, Fault

PLACES = (Path(".tuntas/up/profile.json"), Path(".tuntas/demo/profile.json"))


@dataclass(frozen=True)
class Profile:
    """Addresses and keys. `TUNTAS_CLI_GATEWAY` and so on replace single values; `TUNTAS_CLI_PROFILE` names another file.

    `audit_keys` is a JSON object: key id to the Ed25519 public key in hex that signs the audit log.
    """

    gateway: str = ""
    api_key: str = ""
    operator_key: str = ""
    operations_url: str = ""
    bootstrap: str = ""
    topic_prefix: str = ""
    tenant: str = ""
    signing_key_id: str = ""
    signing_key: str = ""
    audit_keys: str = ""


def profile() -> Profile:
    """Return the profile of this call; values that are nowhere stay empty.

    Raises:
        Fault: `no_profile`: the file that is named can't be read; `bad_profile`: it is no JSON object of strings.
    """
    named = os.environ.get("TUNTAS_CLI_PROFILE")
    path = Path(named) if named else next((p for p in PLACES if p.exists()), None)
    known = _read(path) if path else {}
    return Profile(**{f.name: os.environ.get(f"TUNTAS_CLI_{f.name.upper()}", known.get(f.name, "")) for f in fields(Profile)})


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise Fault("no_profile", f"{path}: {error.strerror}", EXIT_USAGE) from None
    except (ValueError, RecursionError) as error:
        raise Fault("bad_profile", f"{path}: {error}", EXIT_USAGE) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Fault("bad_profile", f"{path}: a JSON object of strings is needed", EXIT_USAGE)
    return found
