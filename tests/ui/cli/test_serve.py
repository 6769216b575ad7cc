from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finesight.errors import InputError, ModelError
from finesight.model.generate import TreeGenerator
from finesight.model.load import save_model
from finesight.model.protocol import Request
from finesight.model.server import ServerGenerator
from finesight.schema.rollout import Sampling
from finesight.train.remote import RemotePolicy
from finesight.ui.cli import app

DRAWN = Sampling(samples=2, temperature=1.0, max_new_tokens=6)
SERVE = [sys.executable, "-c", "from finesight.ui.cli import main; main()", "serve", "--port", "0"]


@contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its URL."""
    process = subprocess.Popen([*SERVE, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_a_server_process_is_asked_given_new_weights_checked_and_stopped(build_tiny, make_noise, tmp_path):
    old, new = build_tiny("qwen2_5_vl"), build_tiny("qwen2_5_vl", seed=1)
    save_model(old, tmp_path / "old")
    save_model(new, tmp_path / "new")
    requests = [Request(make_noise(n), ("What?", "Noise?")) for n in range(2)]
    seeds = [[1, 2], [3, 4]]
    with served(tmp_path / "old", "--name", "policy") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        assert ServerGenerator(url).name == "policy"
        policy = RemotePolicy([url])

        def drawn() -> list[tuple[int, ...]]:
            answers = policy.sample(requests, DRAWN, seeds)
            return [c.tokens for prompts in answers for some in prompts for c in some]

        def expected(model) -> list[tuple[int, ...]]:
            answers = TreeGenerator(model).sample(requests, DRAWN, seeds)
            return [c.tokens for prompts in answers for some in prompts for c in some]

        assert drawn() == expected(old)
        assert policy.verify(old, requests, DRAWN)[0].difference < 1e-4
        with pytest.raises(ModelError, match="does not answer with the weights of this run"):
            policy.verify(new, requests, DRAWN)
        policy.update(tmp_path / "new")
        assert policy.verify(new, requests, DRAWN)[0].difference < 1e-4
        assert drawn() == expected(new) != expected(old)

        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert (process.returncode, said) == (-signal.SIGTERM, "")


def test_a_port_that_is_taken_is_told_before_a_model_is_loaded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", str(tmp_path / "none"), "--port", port])
    assert isinstance(result.exception, InputError)
    assert f"127.0.0.1:{port}: cannot listen there" in str(result.exception)


def test_what_is_no_model_is_not_served(tmp_path):
    result = CliRunner().invoke(app, ["serve", str(tmp_path), "--port", "0"])
    assert isinstance(result.exception, ModelError)
    assert str(tmp_path) in str(result.exception)


def test_without_the_extra_the_line_that_installs_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(app, ["serve", str(tmp_path), "--port", "0"])
    assert str(result.exception) == "uvicorn is not installed: pip install fastapi uvicorn"


def test_without_a_model_the_nano_of_the_package_is_served(monkeypatch):
    monkeypatch.delenv("FINESIGHT_MODEL", raising=False)
    with served() as (_, url):
        assert ServerGenerator(url).name == "finesight-nano"
