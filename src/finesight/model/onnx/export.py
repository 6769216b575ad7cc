"""A loaded nano to a folder of ONNX graphs that `run.OnnxGenerator` answers with."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import torch
from torch import Tensor

from finesight.data.atomic import publish, write_text
from finesight.errors import InputError, ModelError
from finesight.model.generate import level_ids
from finesight.model.load import LoadedModel
from finesight.model.nano.trunk import CELL_FEATURES
from finesight.model.nano.vision import pad_cells
from finesight.model.nano.votes import SLOTS
from finesight.model.onnx.description import FILE, OnnxDescription
from finesight.model.onnx.graphs import DecoderGraph, EncoderGraph, Graph, ProjectorGraph, TowerGraph
from finesight.model.resize import CELL_PX

OPSET = 18
_GRID = (3, 5)
"""Cells of the picture that graphs are recorded with; it does not show in them."""


def export_onnx(model: LoadedModel, out: Path) -> int:
    """Write the graphs of a nano, its tokenizer and its description; the bytes of the graphs.

    Raises:
        InputError: `out` is there already. ModelError: another family than nano, or no package `onnx`.
    """
    if out.exists():
        raise InputError(f"{out}: is there already; name another folder or delete it")
    if model.family.model.config.model_type != "finesight_nano":
        raise ModelError(
            f"{model.name}: only nano is exported to ONNX; serve other families with vLLM or SGLang"
        )
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.family.eval()
    for name, (graph, example) in _graphs(model).items():
        _record(graph, example, part / f"{name}.onnx")
    model.tokenizer.backend_tokenizer.save(str(part / "tokenizer.json"))
    write_text(part / FILE, _describe(model).model_dump_json(indent=1) + "\n")
    publish(part, out)
    return sum(file.stat().st_size for file in out.glob("*.onnx"))


def _graphs(model: LoadedModel) -> dict[str, tuple[Graph, tuple[Tensor, ...]]]:
    """Every graph with inputs to record it with."""
    visual, (h, w) = model.family.model.model.visual, _GRID
    encoder, decoder = EncoderGraph(visual.encoder), DecoderGraph(model.family.model)
    features = torch.randn(h * w, CELL_FEATURES)
    centres = pad_cells([features], [_GRID]).centres[0]
    with torch.no_grad():
        seen = encoder(features, centres)
    kinds = torch.zeros(SLOTS, seen[1].shape[-1])
    weights = torch.zeros(*kinds.shape, h * w)
    length, past = 6, torch.zeros(1, decoder.kept[0], 3, decoder.kept[1])
    read = (
        torch.zeros(1, length, dtype=torch.long),
        torch.zeros(length, model.family.model.config.text_config.hidden_size),
        torch.zeros(length, dtype=torch.bool),
        torch.arange(length).expand(3, 1, -1),
    )
    return {
        "tower": (TowerGraph(visual.trunk), (torch.zeros(1, 3, h * CELL_PX, w * CELL_PX),)),
        "encoder": (encoder, (features, centres)),
        "projector": (
            ProjectorGraph(visual.projector),
            (centres, *seen, weights, kinds, torch.zeros(SLOTS, 4)),
        ),
        "decoder": (decoder, (*read, *[past] * (2 * decoder.layers))),
    }


def _record(graph: Graph, example: tuple[Tensor, ...], path: Path) -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ModelError("the package onnx is not installed: pip install 'finesight[onnx]'") from error
    with torch.no_grad(), warnings.catch_warnings():
        # The recorder warns of every size it meets as a number; the graphs are tested at other sizes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=graph.inputs,
            output_names=graph.outputs,
            dynamic_axes=graph.axes,
        )


def _describe(model: LoadedModel) -> OnnxDescription:
    decoder = DecoderGraph(model.family.model)
    return OnnxDescription(
        name=f"{model.name} (onnx)",
        policy=model.description.policy,
        head=model.chat.head,
        neck=model.chat.neck,
        tail=model.chat.tail,
        image_id=model.chat.image_id,
        end_id=model.chat.end_id,
        forbidden=tuple(model.vision_ids),
        levels=level_ids(model),
        verdicts=model.verdict_tokens if model.description.verdicts else None,
        layers=decoder.layers,
        kept=decoder.kept,
        width=model.family.model.config.text_config.hidden_size,
    )
