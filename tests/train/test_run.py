from __future__ import annotations

from pathlib import Path

import pytest

from finesight.errors import ConfigError
from finesight.train.run import open_run
from finesight.train.settings import SftConfig


def config(out: Path, **fields: object) -> SftConfig:
    return SftConfig.model_validate({"data": "data", "out": out, "steps": 5} | fields)


@pytest.mark.parametrize("within", ["", "model", "base"])
def test_a_run_does_not_write_over_the_model_it_starts_from(tmp_path, within):
    base = tmp_path / "run" / within
    base.mkdir(parents=True)
    (base / "config.json").write_text('{"model_type": "qwen2_vl"}')
    with pytest.raises(
        ConfigError, match=r"model: .* lies in .*run, where .* write over it; name another `out`"
    ):
        open_run(config(tmp_path / "run", model=str(base)), resume=False)
    assert (base / "config.json").read_text() == '{"model_type": "qwen2_vl"}'
    assert open_run(config(tmp_path / "other", model=str(base)), resume=False) is False


def test_a_hub_id_is_no_place_in_the_run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_run(config(Path("runs"), model="Qwen/Qwen2.5-VL-7B-Instruct"), resume=False) is False
    assert (tmp_path / "runs" / "config.json").is_file()
