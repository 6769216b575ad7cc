"""Against a server of another hand: `transformers serve`, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finesight.errors import ModelError
from finesight.model.generate import TreeGenerator
from finesight.model.load import load_model
from finesight.model.protocol import Request
from finesight.model.server import ServerGenerator
from finesight.schema.rollout import Sampling
from finesight.train.weights import receiver_of

pytest.importorskip("openai", reason="`transformers serve` needs openai: pip install openai")
pytestmark = pytest.mark.slow

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for p in m.content %}"
    "{% if p.type == 'image' %}<image>{% else %}{{ p.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def llava(tokenizer, tmp_path_factory) -> Path:
    """A tiny LLaVA, whose processor needs no torchvision, unlike that of the Qwen-VLs."""
    import copy

    import torch
    from transformers import AutoModelForImageTextToText, LlavaConfig, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    own = copy.deepcopy(tokenizer)
    own.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text = {
        "model_type": "qwen2",
        "vocab_size": len(own),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "eos_token_id": own.eos_token_id,
        "pad_token_id": 0,
    }
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "image_size": 56,
        "patch_size": 14,
        "projection_dim": 32,
    }
    image_id = own.convert_tokens_to_ids("<image>")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(
            LlavaConfig(text_config=text, vision_config=vision, image_token_index=image_id)
        )
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(6)
    folder = tmp_path_factory.mktemp("llava")
    model.save_pretrained(folder)
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    LlavaProcessor(
        pixels,
        own,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def url(llava) -> Iterator[str]:
    program = "from transformers.cli.transformers import main; main()"
    where = ["--host", "127.0.0.1", "--port", "0", "--device", "cpu", "--log-level", "info"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", str(llava), *where],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(llava / "hub")},
    )
    try:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                yield found[1]
                break
        else:
            pytest.fail("".join(log))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def requests(make_noise) -> list[Request]:
    return [Request(make_noise(0), ("What?", "Noise?")), Request(make_noise(1, 60, 140), ("Why?",))]


@pytest.mark.filterwarnings("ignore:.*no adapter for family:UserWarning")
def test_it_answers_as_the_model_does_here(url, llava, requests, tokenizer):
    theirs = ServerGenerator(url, str(llava), max_new_tokens=10, tokenizer=tokenizer)
    assert theirs.served.kind == "transformers"
    here = load_model(llava)
    ours = TreeGenerator(here, 10).generate(requests)
    plain = [[here.tokenizer.decode(c.tokens, skip_special_tokens=True) for c in some] for some in ours]
    assert [[c.text for c in some] for some in theirs.generate(requests)] == plain
    assert len({text for some in plain for text in some}) == 3


def test_every_answer_is_drawn_from_its_own_seed(url, llava, requests):
    generator = ServerGenerator(url, str(llava))
    drawn = Sampling(samples=4, temperature=1.0, max_new_tokens=10)
    first, again, other = (
        [[[c.text for c in some] for some in prompts] for prompts in generator.sample(requests, drawn, seeds)]
        for seeds in ([[1, 2], [3]], [[1, 2], [3]], [[4, 5], [6]])
    )
    assert first == again != other
    assert all(len(set(some)) == 4 for prompts in first for some in prompts)


def test_it_takes_no_weights_while_it_runs(url, llava):
    with pytest.raises(ModelError, match="'transformers' takes no weights while it runs"):
        receiver_of(ServerGenerator(url, str(llava)))


def test_another_model_is_refused_with_its_own_words(url, requests):
    with pytest.raises(Exception, match="pinned to"):
        ServerGenerator(url, "another").generate(requests)
