"""Half the bytes, the same answers as far as 16 bits go."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from finesight.errors import InputError, ModelError
from finesight.model.halve import halve
from finesight.model.load import load_model, save_model
from finesight.ui.cli import app


def bytes_of(folder):
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


@pytest.mark.parametrize("kind", ["finesight_nano", "qwen2_5_vl"])
def test_the_weights_are_those_of_the_model_rounded(tiny, tmp_path, kind):
    save_model(tiny(kind), tmp_path / "whole")
    done = CliRunner().invoke(
        app, ["export", "half", str(tmp_path / "whole"), str(tmp_path / "half"), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert bytes_of(tmp_path / "half") < 0.55 * bytes_of(tmp_path / "whole")
    whole, half = (load_model(tmp_path / name).family.model.state_dict() for name in ("whole", "half"))
    assert whole.keys() == half.keys()
    for name in whole:
        assert half[name].dtype == whole[name].dtype
        torch.testing.assert_close(half[name], whole[name], rtol=2**-10, atol=2**-24)
    stored = load_file(next((tmp_path / "half").glob("*.safetensors")))
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}


def test_what_16_bits_cannot_hold_is_refused(tiny, tmp_path):
    model = tiny("finesight_nano")
    with torch.no_grad():
        next(iter(model.family.model.parameters())).fill_(1e6)
    save_model(model, tmp_path / "whole")
    with pytest.raises(ModelError, match="beyond float16"):
        halve(tmp_path / "whole", tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_nothing_is_written_over(tiny, tmp_path):
    save_model(tiny("finesight_nano"), tmp_path / "whole")
    with pytest.raises(InputError, match="is there already"):
        halve(tmp_path / "whole", tmp_path / "whole")
