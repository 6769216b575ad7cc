from __future__ import annotations

import socket
import threading

import pytest

from finesight.errors import InputError, ModelError
from finesight.model.endpoint import KEY_VARIABLE, LONGEST_PAUSE_S, Endpoint, Refused


def test_what_passes_is_tried_again_with_growing_pauses(stub):
    stub.replies["/x"] = [(503, {}), (429, {}), (500, {}), (200, {"here": 1})]
    pauses: list[float] = []
    assert Endpoint(stub.url, sleep=pauses.append).post("/x", {"a": 1}) == {"here": 1}
    assert stub.bodies("/x") == [{"a": 1}] * 4
    assert [round(2 * p / 2**n) for n, p in enumerate(pauses)] == [1, 1, 1]
    assert pauses == sorted(pauses)


def test_a_server_may_say_how_long_to_wait_within_reason(stub):
    stub.replies["/x"] = [(429, {}, {"Retry-After": "7"}), (503, {}, {"Retry-After": "9999"}), (200, 1)]
    pauses: list[float] = []
    Endpoint(stub.url, sleep=pauses.append).get("/x")
    assert pauses == [7.0, LONGEST_PAUSE_S]


def test_what_does_not_pass_is_refused_after_the_last_try(stub):
    stub.replies["/x"] = (503, {"error": {"message": "busy"}})
    with pytest.raises(Refused, match="503: busy") as refused:
        Endpoint(stub.url, tries=3, sleep=lambda _: None).get("/x")
    assert refused.value.status == 503
    assert len(stub.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_what_will_not_change_is_asked_once(stub, status):
    stub.replies["/x"] = (status, {"detail": "no"})
    with pytest.raises(Refused, match="no"):
        Endpoint(stub.url, sleep=lambda _: pytest.fail("paused")).get("/x")
    assert len(stub.asked) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"error": {"message": "too long", "type": "x"}}, "too long"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "too long"}, "too long"),
        ({"detail": [{"loc": ["n"], "msg": "too long"}]}, "too long"),
        ({"error": "too long"}, "too long"),
        (["too long"], "too long"),
        (b"<h1>too long</h1>", "too long"),
        (b"", "nothing said"),
    ],
)
def test_the_reason_is_found_in_the_forms_of_all_servers(stub, content, reason):
    stub.replies["/x"] = (400, content)
    with pytest.raises(Refused, match=reason):
        Endpoint(stub.url).get("/x")


def test_a_server_that_is_not_there_is_named_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pauses: list[float] = []
    with pytest.raises(
        ModelError, match=rf"127\.0\.0\.1:{port}: no server answers there .*4 tries.*start it"
    ):
        Endpoint(f"http://127.0.0.1:{port}", tries=4, sleep=pauses.append).get("/health")
    assert len(pauses) == 3


def test_a_server_that_does_not_answer_in_time_is_not_asked_again(stub):
    leave = threading.Event()
    stub.replies["/x"] = lambda body: (leave.wait(30), (200, 1))[1]
    with pytest.raises(ModelError, match=r"no answer within 0\.05 s; ask for fewer"):
        Endpoint(stub.url, timeout_s=0.05, sleep=lambda _: pytest.fail("paused")).get("/x")
    leave.set()


def test_an_answer_that_is_no_json_is_shown(stub):
    stub.replies["/x"] = (200, b"<html>Welcome</html>")
    with pytest.raises(ModelError, match=r"no JSON .*Welcome"):
        Endpoint(stub.url).get("/x")


def test_an_empty_answer_is_nothing(stub):
    stub.replies["/x"] = (200, b"")
    assert Endpoint(stub.url).post("/x") is None


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_a_url_may_end_with_the_version(stub, end):
    stub.replies["/v1/models"] = (200, [])
    assert Endpoint(stub.url + end).get("/v1/models") == []


def test_a_server_may_stand_below_a_path():
    assert Endpoint("https://host/models/mine/v1").url == "https://host/models/mine"


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host", "http://", "http://host:port", "http://h/?a=1"]
)
def test_what_is_no_url_of_a_server_is_refused(url):
    with pytest.raises(InputError, match="write it as http://host:port"):
        Endpoint(url)


def test_a_key_is_sent_where_there_is_one(stub, monkeypatch):
    stub.replies["/x"] = (200, 1)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    Endpoint(stub.url).get("/x")
    monkeypatch.setenv(KEY_VARIABLE, "of the environment")
    Endpoint(stub.url).get("/x")
    Endpoint(stub.url, key="given").get("/x")
    sent = [headers.get("Authorization", headers.get("authorization")) for _, _, headers in stub.asked]
    assert sent == [None, "Bearer of the environment", "Bearer given"]
