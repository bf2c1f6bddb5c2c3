"""Write what `docker compose` needs into `.env` and `.tuntas/compose`: passwords and keys, made once and never printed.

Standard library only but for Ed25519. What is there stays; new services get what they miss.
"""

import hashlib
import json
import secrets
import sys
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = Path(__file__).resolve().parents[2]
ENV, FOLDER = ROOT / ".env", ROOT / ".tuntas/compose"
PASSWORD = "TUNTAS_PASSWORD_"  # noqa: S105 - the beginning of variables' names
SCHEMALESS = ("sandbox",)


def roles() -> list[str]:
    """Return the services of the compose file that have a schema."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return sorted(name for name, each in services.items() if "build" in each and not name.startswith(SCHEMALESS) and name != "prepare")


def known() -> dict[str, str]:
    """Return what `.env` holds."""
    lines = ENV.read_text().splitlines() if ENV.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in pairs}


def made() -> dict[str, str]:
    """Return a new value for everything that is secret."""
    approval, signing, audit = (Ed25519PrivateKey.generate() for _ in range(3))
    names = [*roles(), "tuntas_ops", "postgres"]
    found = {PASSWORD + name.replace("-", "_").upper(): secrets.token_hex(16) for name in names}
    return found | {
        "TUNTAS_VAULT_KEY": secrets.token_hex(32),
        "TUNTAS_APPROVAL_PRIVATE_KEY": approval.private_bytes_raw().hex(),
        "TUNTAS_APPROVAL_PUBLIC_KEY": approval.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
        "TUNTAS_AUDIT_PRIVATE_KEY": audit.private_bytes_raw().hex(),
        "TUNTAS_AUDIT_PUBLIC_KEY": audit.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
        "TUNTAS_WEBHOOK_SECRET": secrets.token_hex(32),
        "TUNTAS_API_KEY": secrets.token_hex(16),
        "TUNTAS_OPERATOR_KEY": secrets.token_hex(16),
        "TUNTAS_ENGINES_KEY": secrets.token_hex(16),
        "TUNTAS_SIGNING_KEY": signing.private_bytes_raw().hex(),
        "TUNTAS_SIGNING_PUBLIC_KEY": signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
    }


def main() -> None:
    """Write the files, readable by their owner only."""
    values = made() | known()
    passwords = {name: values[PASSWORD + name.replace("-", "_").upper()] for name in (*roles(), "tuntas_ops")}
    values["TUNTAS_PASSWORDS"] = json.dumps(passwords)
    _write(ENV, "".join(f"{name}='{value}'\n" for name, value in sorted(values.items())))
    FOLDER.mkdir(parents=True, exist_ok=True)
    tenants = {
        "acme": {"api_keys": [_sum(values["TUNTAS_API_KEY"])], "signing_keys": {"acme-1": values["TUNTAS_SIGNING_PUBLIC_KEY"]}},
        "operators": {"api_keys": [_sum(values["TUNTAS_OPERATOR_KEY"])], "signing_keys": {}},
    }
    _write(FOLDER / "tenants.json", json.dumps(tenants, indent=2), 0o644)
    profile = {
        "gateway": f"http://127.0.0.1:{values.get('TUNTAS_PORT', '8080')}",
        "api_key": values["TUNTAS_API_KEY"],
        "operator_key": values["TUNTAS_OPERATOR_KEY"],
        "tenant": "acme",
        "signing_key_id": "acme-1",
        "signing_key": values["TUNTAS_SIGNING_KEY"],
    }
    _write(FOLDER / "profile.json", json.dumps(profile, indent=2))
    sys.stdout.write(f"{ENV.name} and {FOLDER.relative_to(ROOT)} are there\n")


def _sum(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    path.touch(mode=mode)
    path.write_text(text)


if __name__ == "__main__":
    main()
