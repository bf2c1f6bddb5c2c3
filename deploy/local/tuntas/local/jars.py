"""The Java archives Kafka runs on: fetched once from a Maven repository, checked against committed sums before every start.

A sums file has one line per archive, as `sha256sum` writes it: the sum and the archive's place in a Maven repository, which says its
coordinates. Fetching takes exactly those, so nothing is resolved on a user's machine. `python -m tuntas.local.jars
fetch` fetches what a first start would, `... lock` resolves the coordinates below with their dependencies and writes the sums files anew.

Fetching goes through `jgo`, in Python alone. Honoured: a mirror of `central` (or of `*`) in `~/.m2/settings.xml`, the `[repositories]` of
jgo's own configuration (`JGO_CONFIG_FILE`, `~/.config/jgo.conf`), the variables `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and
`REQUESTS_CA_BUNDLE`, and names and passwords in `~/.netrc`. Not honoured: `<proxies>` and `<servers>` of `settings.xml`.
"""

import hashlib
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext
from requests import RequestException

from tuntas.local.processes import STACKS, LocalError

KAFKA = "4.1.2"
SERVER_SUMS = Path(__file__).with_name("kafka-jars.sha256")
TOOLS_SUMS = Path(__file__).with_name("kafka-tools.sha256")
_SERVER = (f"org.apache.kafka:kafka_2.13:{KAFKA}", "org.slf4j:slf4j-simple:1.7.36")
_TOOLS = f"org.apache.kafka:kafka-tools:{KAFKA}"  # its command-line classes need no more than the server's archives
_MIRRORED = {"*", "central", "external:*"}


class JarError(LocalError):
    """An archive is missing, can't be fetched, or is not the one it should be."""

    def __init__(self, jar: str, problem: str) -> None:
        super().__init__(f"{jar} {problem}")
        self.jar = jar


def read_sums(sums: Path) -> dict[str, str]:
    """Place in the repository and expected sum of every archive of a set."""
    pairs = (line.split(maxsplit=1) for line in sums.read_text().splitlines())
    return {place.strip(): digest for digest, place in pairs}


def verify(folder: Path, sums: Path) -> list[Path]:
    """Check every archive of a set and return their paths, in the set's order.

    Raises:
        JarError: the first that is missing or differs.
    """
    return [_checked(folder / place, digest) for place, digest in read_sums(sums).items()]


def fetch(folder: Path, sums: Path, say: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Fetch the archives of a set that the folder lacks, then check all of them.

    Args:
        folder: where archives are kept, in the layout of a Maven repository.
        sums: the set.
        say: told in one line that something is being fetched.

    Raises:
        JarError: one can't be fetched, or differs; what differs never gets into the folder.
    """
    missing = {place: digest for place, digest in read_sums(sums).items() if not (folder / place).exists()}
    if missing:
        say(f"fetching {len(missing)} Java archives, once")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as scratch, ThreadPoolExecutor(max_workers=6) as pool:
            context = _context(Path(scratch))
            list(pool.map(lambda item: _fetch_one(context, folder, *item), missing.items()))
    return verify(folder, sums)


def _fetch_one(context: MavenContext, folder: Path, place: str, digest: str) -> None:
    *group, name, version, file = place.split("/")
    try:
        got = context.project(".".join(group), name).at_version(version).artifact().resolve()
    except (RequestException, RuntimeError) as failed:
        raise JarError(file, f"can't be fetched: {failed}") from failed
    _checked(got, digest)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    got.replace(folder / place)


def _checked(path: Path, digest: str) -> Path:
    if not path.exists():
        raise JarError(path.name, "is missing: run `make setup`")
    if (found := _sum(path)) != digest:
        raise JarError(path.name, f"is not the archive it should be (sha256 {found}, not {digest}): remove {path}, it is fetched again")
    return path


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _context(cache: Path) -> MavenContext:
    """Where to fetch from: the user's mirror alone if there is one, else the user's own repositories, then Maven Central."""
    mirror = _mirror(Path.home() / ".m2" / "settings.xml")
    repositories = {"central": mirror} if mirror else {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=cache, remote_repos=repositories, timeout=60)


def _mirror(settings: Path) -> str | None:
    """The URL of the first mirror that stands in for Maven Central in a Maven settings file."""
    if not settings.exists():
        return None
    for mirror in ET.parse(settings).iterfind("{*}mirrors/{*}mirror"):  # noqa: S314 - the user's own file
        of = {part.strip() for part in mirror.findtext("{*}mirrorOf", "").split(",")}
        if of & _MIRRORED and "!central" not in of:
            return mirror.findtext("{*}url", "").rstrip("/") or None
    return None


def _with_dependencies(context: MavenContext, *coordinates: str) -> list[Artifact]:
    """The archives a program needs at run time."""
    inputs, others = context.resolver.resolve([context.create_dependency(each) for each in coordinates])
    return [one.artifact for one in inputs] + [one.artifact for one in others if one.scope in {"compile", "runtime"}]


def _lock(artifacts: Iterable[Artifact], sums: Path) -> None:
    """Fetch archives and write their sums file."""
    places = {str(path.relative_to(one.context.repo_cache)): _sum(path) for one in artifacts for path in [one.resolve()]}
    sums.write_text("".join(f"{digest}  {place}\n" for place, digest in sorted(places.items())))
    sys.stdout.write(f"{sums.name}: {len(places)} archives\n")


def lock() -> None:
    """Resolve the coordinates and write the sums files anew."""
    with tempfile.TemporaryDirectory(prefix="tuntas-jars-") as scratch:
        context = _context(Path(scratch))
        _lock(_with_dependencies(context, *_SERVER), SERVER_SUMS)
        _lock([context.create_dependency(_TOOLS).artifact], TOOLS_SUMS)


def main(verb: str) -> None:
    """Carry out `fetch` or `lock`."""
    try:
        if verb == "lock":
            lock()
        else:
            fetch(STACKS / "jars", SERVER_SUMS, lambda line: print(line, flush=True))  # noqa: T201 - a command of its own
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
