import hashlib
import shutil
from pathlib import Path

import pytest

from tuntas.local import jars, kafka
from tuntas.local.jars import SERVER_SUMS, JarError
from tuntas.local.processes import Processes
from tuntas.local.stack import JARS

MIRRORS = """<settings xmlns="urn:any"><mirrors>
<mirror><id>other</id><mirrorOf>snapshots</mirrorOf><url>https://first.invalid/</url></mirror>
<mirror><id>house</id><mirrorOf>{of}</mirrorOf><url>https://mirror.invalid/maven/</url></mirror>
</mirrors></settings>"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    kafka.classpath(JARS)
    return shutil.copytree(JARS, tmp_path / "jars")


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every repository is a port of this machine where nobody listens."""
    (tmp_path / ".m2").mkdir()
    nowhere = "<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>http://127.0.0.1:9</url></mirror></mirrors></settings>"
    (tmp_path / ".m2" / "settings.xml").write_text(nowhere)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


def test_a_tampered_archive_is_refused_by_name_before_anything_runs(copied: Path, tmp_path: Path) -> None:
    victim = next(copied.rglob("kafka-clients-*.jar"))
    victim.write_bytes(victim.read_bytes() + b"!")
    processes = Processes(tmp_path)

    with pytest.raises(JarError, match="is not the archive it should be") as refused:
        kafka.Kafka(tmp_path / "kafka", processes, copied).start()

    assert refused.value.jar == victim.name
    assert processes.running() == []


def test_a_missing_archive_is_named(copied: Path) -> None:
    victim = next(copied.rglob("slf4j-api-*.jar"))
    victim.unlink()

    with pytest.raises(JarError, match=f"{victim.name} is missing"):
        jars.verify(copied, SERVER_SUMS)


@pytest.mark.usefixtures("unreachable")
def test_an_archive_that_can_not_be_fetched_is_named(copied: Path) -> None:
    victim = next(copied.rglob("slf4j-api-*.jar"))
    victim.unlink()

    with pytest.raises(JarError, match="can't be fetched") as failed:
        jars.fetch(copied, SERVER_SUMS)

    assert failed.value.jar == victim.name


@pytest.mark.usefixtures("unreachable")
def test_nothing_is_fetched_when_all_is_there(copied: Path) -> None:
    assert len(jars.fetch(copied, SERVER_SUMS)) == len(jars.read_sums(SERVER_SUMS))


@pytest.mark.parametrize("of", ["*", "central", "external:*", "*,!house"])
def test_the_users_mirror_of_maven_central_is_used(tmp_path: Path, of: str) -> None:
    (tmp_path / "settings.xml").write_text(MIRRORS.format(of=of))

    assert jars._mirror(tmp_path / "settings.xml") == "https://mirror.invalid/maven"


@pytest.mark.parametrize("of", ["snapshots", "*,!central"])
def test_a_mirror_of_something_else_is_not(tmp_path: Path, of: str) -> None:
    (tmp_path / "settings.xml").write_text(MIRRORS.format(of=of))

    assert jars._mirror(tmp_path / "settings.xml") is None


def test_sums_name_places_in_a_repository_and_no_host() -> None:
    for place, digest in jars.read_sums(SERVER_SUMS).items():
        *_, name, version, file = place.split("/")
        assert file == f"{name}-{version}.jar"
        assert len(bytes.fromhex(digest)) == hashlib.sha256().digest_size
