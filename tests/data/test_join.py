"""Several data folders as one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.data.folder import METADATA, image_path, read_folder
from finesight.data.join import join
from finesight.data.readers.metadata import write_metadata
from finesight.errors import ConfigError, InputError
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import Level
from finesight.ui.cli import app


@pytest.fixture
def folders(tmp_path):
    made = []
    for grey, name in enumerate(("first", "second")):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        said = [
            Annotation(image=f"{i}.png", width=8, height=8, mos=4.5, level=Level.EXCELLENT) for i in range(2)
        ]
        for annotation in said:
            Image.new("RGB", (8, 8), (grey, grey, grey)).save(folder / "images" / annotation.image)
        write_metadata(folder / METADATA, said)
        made.append(folder)
    return made


def test_all_pictures_are_there_under_names_of_their_own(folders, tmp_path):
    out = tmp_path / "all"
    for _ in range(2):  # joining again changes nothing
        join(folders, out)
    found = list(read_folder(out))
    assert [a.image for a in found] == ["1/0.png", "1/1.png", "2/0.png", "2/1.png"]
    assert [int(np.asarray(Image.open(image_path(out, a.image)))[0, 0, 0]) for a in found] == [0, 0, 1, 1]


def test_the_command_says_how_many(folders, tmp_path):
    done = CliRunner().invoke(
        app, ["data", "join", *map(str, folders), "--out", str(tmp_path / "all"), "--json"]
    )
    assert (done.exit_code, done.stdout) == (0, '{"pictures": 4}\n')


def test_one_folder_or_the_same_twice_is_no_join(folders, tmp_path):
    for named in (folders[:1], [folders[0], folders[0]]):
        with pytest.raises(ConfigError, match="two data folders"):
            join(named, tmp_path / "all")


def test_a_folder_with_a_bad_record_is_refused_by_name(folders, tmp_path):
    (folders[1] / METADATA).write_text('[{"image": "0.png"}]')
    with pytest.raises(InputError, match=r"second.*mend it"):
        join(folders, tmp_path / "all")
    assert not (tmp_path / "all" / METADATA).exists()
