"""What holds for all tests, and the small models and the small training set that tests of several rooms share.

torch is imported inside the fixtures that need it, so that the other tests start without.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

from finesight.schema.picture import Picture

if TYPE_CHECKING:
    from finesight.model.load import LoadedModel

# No test may depend on how busy the machine is: hypothesis' time limit an example is a wall-clock assertion.
settings.register_profile("finesight", deadline=None)
settings.load_profile("finesight")

QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
FAMILIES = (*QWEN, "finesight_nano")

_VISION: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2, "patch_size": 14, "depth": 2},
    "qwen2_5_vl": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "out_hidden_size": 64,
        "depth": 2,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    },
    "qwen3_vl": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "out_hidden_size": 64,
        "patch_size": 16,
        "depth": 3,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    },
}
_TEXTS = [
    "What distortion affects this region?",
    "Severe noise in the upper left part. Thus, the quality of the image is poor. bad fair good excellent",
    "<|object_ref_start|>Minor overexposure<|object_ref_end|><|box_start|>(1,20),(300,1000)<|box_end|> Why?",
]
MAX_PIXELS = 140 * 112


def photograph(seed: int) -> np.ndarray:
    """A picture with sharp shapes and fine texture, (256, 320, 3)."""
    import cv2

    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:256, 0:320]
    picture = np.stack([90 + columns / 4, 110 + rows / 4, 150 - rows / 5], axis=2)
    picture = (picture + rng.normal(0, 6, (256, 320, 1))).clip(0, 255).astype(np.uint8)
    for _ in range(12):
        color = tuple(int(c) for c in rng.integers(40, 220, 3))
        x, y = int(rng.integers(320)), int(rng.integers(256))
        cv2.circle(picture, (x, y), int(rng.integers(8, 40)), color, -1, cv2.LINE_AA)
        cv2.putText(picture, "0123", (x, y), 0, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="session")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 12 synthetic pictures of 168 px in images/ and their samples; to be read only."""
    import cv2

    from finesight.data.folder import read_folder
    from finesight.data.questions import questions_of
    from finesight.data.readers.samples import write_samples
    from finesight.data.synthesise import SynthesisConfig, synthesise

    home = tmp_path_factory.mktemp("training")
    photos = [home / f"photo{i}.png" for i in range(4)]
    for i, path in enumerate(photos):
        cv2.imwrite(str(path), photograph(i))
    synthesise(photos, home / "set", SynthesisConfig(count=12, size=168))
    annotations = list(read_folder(home / "set"))
    write_samples(home / "set" / "samples", [s for a in annotations for s in questions_of(a, 0)])
    return home / "set"


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """nano's tokenizer, trained on three sentences."""
    from finesight.model.nano.tokenizer import train_tokenizer

    return train_tokenizer(_TEXTS * 3)


@pytest.fixture(scope="session")
def build_tiny(tokenizer: Any) -> Callable[..., LoadedModel]:
    """`build_tiny(family, seed=0)`: a new random model of a family, some 100,000 weights.

    Weights are enlarged, for at their initial size attention is all but uniform: what a token sees and where
    it stands would hardly change what it says, and a wrong mask would pass.
    """
    special = {"finesight_nano": _nano, "internvl": _intern}
    return lambda kind, seed=0: special.get(kind, _qwen)(kind, tokenizer, seed)


@pytest.fixture(scope="session")
def tiny(build_tiny: Callable[..., LoadedModel]) -> Callable[[str], LoadedModel]:
    """`tiny(family)`: the model of `build_tiny` with seed 0, built once and to be left as it is."""
    return cache(build_tiny)


@pytest.fixture(scope="session")
def llava(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random LLaVA, a family without an adapter, as transformers saves it.

    Pictures of any shape are 16 tokens to it.
    """
    home = tmp_path_factory.mktemp("llava")
    _save_llava(tokenizer, home)
    return home


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, tiny: Callable[[str], LoadedModel]) -> LoadedModel:
    """The shared tiny model of each family in turn."""
    return tiny(request.param)


@pytest.fixture(scope="session")
def make_noise() -> Callable[..., Picture]:
    """`make_noise(seed, width, height)`: a picture of soft random colours."""

    def make(seed: int, width: int = 120, height: int = 90) -> Picture:
        import cv2

        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        rgb = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return Picture(f"noise{seed}.png", rgb.astype(np.uint8), str(seed))

    return make


@pytest.fixture
def serving() -> Iterator[Callable[..., str]]:
    """`serving(model, rows=32)`: the URL of a service of a model, in a thread of this process, while a test runs."""
    import threading

    import uvicorn

    from finesight.model.answerer import Answerer
    from finesight.ui.service import build_app

    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(model: LoadedModel, rows: int = 32) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(build_app(Answerer(model, rows)), log_level="critical", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join()


class Stub(ThreadingHTTPServer):
    """A server of replies that a test lays down: `replies[path]` is one, a list of them in turn, or a function of
    the request's JSON; a reply is (status, JSON or text or bytes, headers). `asked` holds what has come in.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Any] = {}
        self.asked: list[tuple[str, Any, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, path: str) -> list[Any]:
        return [body for where, body, _ in self.asked if where == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(json.loads(raw) if raw else None)

    def _reply(self, body: Any) -> None:
        self.server.asked.append((self.path, body, dict(self.headers)))
        reply = self.server.replies.get(self.path, (404, {"detail": "Not Found"}))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        status, content, *headers = reply(body) if callable(reply) else reply
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers[0].items() if headers else ():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server whose replies the test lays down: what other servers say, and how they fail."""
    import threading

    server = Stub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _qwen(kind: str, tokenizer: Any, seed: int) -> LoadedModel:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from finesight.model.coordinates import Coordinates
    from finesight.model.load import ModelDescription, assemble
    from finesight.model.vision import ResizePolicy

    ids = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(tokenizer) + 7,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
        "bos_token_id": None,
        "eos_token_id": ids("<|im_end|>"),
        "pad_token_id": 0,
    }
    config = AutoConfig.for_model(
        kind,
        text_config=text | ({"head_dim": 16} if kind == "qwen3_vl" else {}),
        vision_config=_VISION[kind] | {"num_heads": 2},
        tie_word_embeddings=False,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config)
    _enlarge(model, 6)
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=MAX_PIXELS)
    description = ModelDescription(name=kind, coordinates=Coordinates.THOUSANDTHS, policy=policy)
    return assemble(model.eval(), tokenizer, description)


def _intern(kind: str, tokenizer: Any, seed: int) -> LoadedModel:
    import copy

    import torch
    from transformers import AutoModelForImageTextToText, InternVLConfig

    from finesight.model.coordinates import Coordinates
    from finesight.model.load import ModelDescription, assemble
    from finesight.model.vision import ResizePolicy

    marked = copy.deepcopy(tokenizer)
    marked.add_special_tokens({"additional_special_tokens": ["<img>", "</img>", "<IMG_CONTEXT>"]})
    marked.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}"
        "{% if c.type == 'image' %}<IMG_CONTEXT>\n{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    text = {
        "model_type": "qwen2",
        "vocab_size": len(marked) + 7,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "eos_token_id": marked.convert_tokens_to_ids("<|im_end|>"),
        "pad_token_id": 0,
    }
    vision = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "image_size": [56, 56],
        "patch_size": [14, 14],
    }
    image_id = marked.convert_tokens_to_ids("<IMG_CONTEXT>")
    config = InternVLConfig(
        text_config=text, vision_config=vision, image_token_id=image_id, image_seq_length=4
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config)
    _enlarge(model, 6)
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=MAX_PIXELS)
    description = ModelDescription(name=kind, coordinates=Coordinates.THOUSANDTHS, policy=policy)
    return assemble(model.eval(), marked, description)


def _save_llava(tokenizer: Any, home: Path) -> None:
    import copy

    import torch
    from transformers import AutoModelForImageTextToText, LlavaConfig, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    marked = copy.deepcopy(tokenizer)
    marked.add_special_tokens({"additional_special_tokens": ["<image>"]})
    marked.chat_template = (
        "{% for m in messages %}USER: {% for c in m.content %}{% if c.type == 'image' %}<image>\n"
        "{% else %}{{ c.text }}{% endif %}{% endfor %}{% endfor %}"
        "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
    )
    ids = marked.convert_tokens_to_ids
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"model_type": "llama", "vocab_size": len(marked) + 7, "hidden_size": 64, "intermediate_size": 96}
    text |= {"bos_token_id": None, "eos_token_id": ids("<|im_end|>"), "pad_token_id": 0}
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 48,
        "projection_dim": 32,
    }
    config = LlavaConfig(
        text_config=text | layers,
        vision_config=vision | layers | {"image_size": 56, "patch_size": 14},
        image_token_index=ids("<image>"),
        image_seq_length=16,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(config)
    _enlarge(model, 6)
    model.save_pretrained(home)
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        marked,
        patch_size=14,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
    ).save_pretrained(home)


def _nano(kind: str, tokenizer: Any, seed: int) -> LoadedModel:
    from finesight.model.nano.build import NanoSize, build_nano

    size = NanoSize(width=96, layers=3, heads=2, encoder_layers=1, min_pixels=56 * 56, max_pixels=MAX_PIXELS)
    loaded = build_nano(size, tokenizer, seed)
    # The decoder of a nano begins with weights large enough for its narrow width.
    _enlarge(loaded.family.model.model.visual.encoder, 2)
    return loaded


def _enlarge(module: Any, factor: float) -> None:
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(factor)
