from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from finesight.errors import InputError, ModelError
from finesight.model.answerer import Answerer, Question, load_answerer
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, save_model
from finesight.model.protocol import Request
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

DRAWN = Sampling(samples=2, temperature=1.0, max_new_tokens=6)
GREEDY = Sampling(samples=1, temperature=0, max_new_tokens=6)


@pytest.fixture
def answering() -> Iterator[Callable[..., Answerer]]:
    """`answering(model, rows=32)`: an answerer that is closed after the test, not started."""
    made: list[Answerer] = []

    def make(model: LoadedModel, rows: int = 32) -> Answerer:
        made.append(Answerer(model, rows))
        return made[-1]

    yield make
    for answerer in made:
        answerer.close()


@pytest.fixture
def pictures(make_noise) -> list[Picture]:
    return [make_noise(i, *size) for i, size in enumerate([(120, 90), (60, 140)])]


def test_what_is_asked_together_is_answered_together_and_each_picture_seen_once(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    asked = [
        answerer.ask(Question(pictures[n % 2], prompt, DRAWN, seed))
        for n, (prompt, seed) in enumerate([("What?", 1), ("Noise?", 2), ("Level?", 3), ("What?", 4)])
    ]
    answerer.start()
    answers = [future.result() for future in asked]
    assert answerer.rounds == 1
    assert answerer.generator.vision_passes == 2
    requests = [Request(pictures[0], ("What?", "Level?")), Request(pictures[1], ("Noise?", "What?"))]
    (a, c), (b, d) = TreeGenerator(answerer.model).sample(requests, DRAWN, [[1, 3], [2, 4]])
    assert [[x.tokens for x in answer.completions] for answer in answers] == [
        [x.tokens for x in completions] for completions in (a, b, c, d)
    ]


def test_the_tokens_of_picture_and_question_are_counted(tiny, answering, pictures):
    model = tiny("qwen2_5_vl")
    answerer = answering(model)
    future = answerer.ask(Question(pictures[0], "What?", GREEDY))
    answerer.start()
    expected = len(model.prefix(model.images(pictures[0]))) + len(model.ask(["What?"])[0])
    assert future.result().question_tokens == expected


def test_what_is_drawn_differently_is_answered_in_rounds_of_its_own(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    futures = [answerer.ask(Question(pictures[0], "What?", s)) for s in (DRAWN, GREEDY, DRAWN)]
    answerer.start()
    assert [len(f.result().completions) for f in futures] == [2, 1, 2]
    assert answerer.rounds == 2


def test_a_round_has_no_more_answers_than_rows(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"), rows=4)
    futures = [answerer.ask(Question(pictures[0], f"What {n}?", DRAWN)) for n in range(5)]
    answerer.start()
    assert all(len(f.result().completions) == 2 for f in futures)
    assert answerer.rounds == 3


def test_a_question_that_cannot_be_asked_fails_alone(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    good, bad, other = (
        answerer.ask(Question(pictures[0], prompt, GREEDY)) for prompt in ("What?", "<|image_pad|>", "Noise?")
    )
    answerer.start()
    with pytest.raises(InputError, match="stands for a picture"):
        bad.result()
    assert good.result().completions
    assert other.result().completions


def test_an_answer_has_to_have_room_in_the_context(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    long = answerer.ask(Question(pictures[0], "What?", GREEDY.model_copy(update={"max_new_tokens": 5000})))
    answerer.start()
    with pytest.raises(InputError, match=r"5000 of the answer .* context of qwen2_5_vl, which is 2048"):
        long.result()


def test_questions_are_answered_with_the_weights_of_their_time(
    build_tiny, tiny, answering, pictures, tmp_path
):
    save_model(tiny("qwen2_5_vl"), tmp_path / "new")
    answerer = answering(build_tiny("qwen2_5_vl", seed=1))
    question = Question(pictures[0], "What?", GREEDY)
    before, done, after = answerer.ask(question), answerer.exchange(tmp_path / "new"), answerer.ask(question)
    answerer.start()
    done.result()
    expected = [
        TreeGenerator(model, 6).generate([Request(pictures[0], ("What?",))])[0][0].tokens
        for model in (build_tiny("qwen2_5_vl", seed=1), tiny("qwen2_5_vl"))
    ]
    assert expected[0] != expected[1]
    assert [f.result().completions[0].tokens for f in (before, after)] == expected


@pytest.mark.parametrize("kind", ["qwen2_vl", "finesight_nano", None])
def test_weights_of_another_make_are_refused_and_change_nothing(
    build_tiny, tiny, answering, pictures, tmp_path, kind
):
    if kind:
        save_model(tiny(kind), tmp_path / "new")
    answerer = answering(build_tiny("qwen2_5_vl"))
    before = {name: weight.clone() for name, weight in answerer.model.family.model.state_dict().items()}
    answerer.start()
    with pytest.raises(ModelError, match="not those of qwen2_5_vl" if kind else "not a model"):
        answerer.exchange(tmp_path / "new").result()
    after = answerer.model.family.model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_what_is_withdrawn_before_its_turn_is_not_answered(tiny, answering, pictures, tmp_path):
    answerer = answering(tiny("qwen2_5_vl"))
    gone, stays = (answerer.ask(Question(pictures[n], "What?", GREEDY)) for n in range(2))
    exchange = answerer.exchange(tmp_path)
    assert gone.cancel()
    assert exchange.cancel()
    answerer.start()
    assert stays.result().completions
    assert answerer.generator.vision_passes == 1


def test_a_closed_answerer_refuses_what_waits(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    waiting = answerer.ask(Question(pictures[0], "What?", GREEDY))
    answerer.close()
    with pytest.raises(ModelError, match="stopping"):
        waiting.result()


def test_many_threads_may_ask(tiny, answering, pictures):
    answerer = answering(tiny("qwen2_5_vl"))
    answerer.start()
    found: dict[int, tuple[int, ...]] = {}

    def ask(n: int) -> None:
        answer = answerer.ask(Question(pictures[n % 2], f"What {n % 3}?", DRAWN, n)).result()
        found[n] = answer.completions[1].tokens

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    generator = TreeGenerator(answerer.model)
    for n, tokens in found.items():
        request = Request(pictures[n % 2], (f"What {n % 3}?",))
        assert generator.sample([request], DRAWN, [[n]])[0][0][1].tokens == tokens


def test_a_folder_is_loaded_under_the_name_that_is_wanted(tiny, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "m")
    assert load_answerer(str(tmp_path / "m")).name == "qwen2_5_vl"
    low = load_answerer(str(tmp_path / "m"), "mine", rows=3, dtype="bfloat16")
    assert (low.name, low.rows) == ("mine", 3)
    assert next(low.model.family.model.parameters()).dtype == torch.bfloat16


def test_a_device_or_dtype_that_is_not_here_is_named(tmp_path):
    with pytest.raises(InputError, match="dtype 'int8' is unknown"):
        load_answerer(str(tmp_path), dtype="int8")
    with pytest.raises(InputError, match="device 'gpu' is not here"):
        load_answerer(str(tmp_path), device="gpu")
