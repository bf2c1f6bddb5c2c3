"""Print what all members need from outside, for `make lock`.

`runtime` for users, `dev` for those who work on Tuntas, `images` for containers: services and sandbox, without what runs them here.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def needed(kind: str) -> set[str]:
    """Return every requirement of the members that is not a member itself; `dev` adds the tools of the workspace, `images` leaves out."""
    found = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["build"])
    worlds = "deploy/sandbox" if kind == "images" else "deploy/*"
    for manifest in [*ROOT.glob("s*/**/pyproject.toml"), *ROOT.glob(f"{worlds}/pyproject.toml")]:
        found |= {name for name in tomllib.loads(manifest.read_text())["project"]["dependencies"] if not name.startswith("tuntas-")}
    if kind == "dev":
        found |= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"])
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted(needed(sys.argv[1]))) + "\n")
