from __future__ import annotations

import pytest

from finesight.errors import ModelError
from finesight.model.endpoint import Endpoint
from finesight.model.server import ServerGenerator
from finesight.train.weights import DiskReceiver, VllmReceiver, receiver_of

VLLM = ("/pause?mode=wait", "/collective_rpc", *VllmReceiver.CACHES, "/resume")


@pytest.fixture
def endpoint(stub) -> Endpoint:
    return Endpoint(stub.url, sleep=lambda _: None)


@pytest.fixture
def vllm(stub):
    """The routes of vLLM in development mode, all of them well."""
    for path in VLLM:
        stub.replies[path] = (200, {"results": [None]} if path == "/collective_rpc" else b"")
    return stub


def test_sglang_and_our_own_server_read_a_folder_from_disk(stub, endpoint, tmp_path, monkeypatch):
    stub.replies["/update_weights_from_disk"] = (200, {"success": True, "message": "Succeeded."})
    monkeypatch.chdir(tmp_path)
    folder = (tmp_path / "model").relative_to(tmp_path)
    DiskReceiver(endpoint).update(folder)
    assert stub.bodies("/update_weights_from_disk") == [{"model_path": str(tmp_path / "model")}]


@pytest.mark.parametrize(
    "reply",
    [
        (400, {"success": False, "message": "shapes differ"}),
        (200, {"success": False, "message": "shapes differ"}),
        (200, "shapes differ"),
    ],
)
def test_an_update_that_was_not_taken_is_an_error_with_its_reason(stub, endpoint, tmp_path, reply):
    stub.replies["/update_weights_from_disk"] = reply
    with pytest.raises(ModelError, match=r"was not taken: .*shapes differ"):
        DiskReceiver(endpoint).update(tmp_path)


def test_vllm_is_paused_reloads_forgets_what_it_had_cached_and_goes_on(vllm, endpoint, tmp_path):
    VllmReceiver(endpoint).update(tmp_path)
    assert [path for path, _, _ in vllm.asked] == [*VLLM]
    arguments = {"weights_path": str(tmp_path), "is_checkpoint_format": True}
    assert vllm.bodies("/collective_rpc") == [{"method": "reload_weights", "kwargs": arguments}]


@pytest.mark.parametrize("failing", VLLM[1:-1])
def test_vllm_does_not_go_on_with_half_of_the_weights(vllm, endpoint, tmp_path, failing):
    vllm.replies[failing] = (400, {"error": {"message": "broken"}})
    with pytest.raises(ModelError, match=r"was not taken: .*broken; restart it"):
        VllmReceiver(endpoint).update(tmp_path)
    assert "/resume" not in [path for path, _, _ in vllm.asked]


def test_vllm_without_its_development_routes_is_told_apart(stub, endpoint, tmp_path):
    with pytest.raises(ModelError, match="VLLM_SERVER_DEV_MODE=1"):
        VllmReceiver(endpoint).update(tmp_path)


@pytest.mark.parametrize(
    ("kind", "receiver"), [("vllm", VllmReceiver), ("sglang", DiskReceiver), ("finesight", DiskReceiver)]
)
def test_every_kind_of_server_is_updated_in_its_own_way(kind, receiver):
    assert type(receiver_of(ServerGenerator("http://host", "m", kind=kind))) is receiver


@pytest.mark.parametrize("kind", ["transformers", "openai"])
def test_a_server_that_takes_no_weights_is_told_before_it_matters(kind):
    with pytest.raises(ModelError, match=f"kind '{kind}' takes no weights .* finesight, sglang, vllm"):
        receiver_of(ServerGenerator("http://host", "m", kind=kind))
