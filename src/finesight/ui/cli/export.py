"""`finesight export`: a trained model in the forms others want it in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="Model folder or hub id.")]
Out = Annotated[Path, typer.Argument(help="Folder to write; it must not be there yet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@app.callback()
def _noun() -> None:
    """Write a trained model in another form."""


@app.command()
def onnx(model: Model, out: Out, as_json: AsJson = False) -> None:
    """Write a nano as ONNX graphs, which `finesight diagnose --model OUT` runs without torch."""
    from finesight.model.load import load_model
    from finesight.model.onnx.export import export_onnx

    size = export_onnx(load_model(model), out)
    print(
        json.dumps({"folder": str(out), "bytes": size})
        if as_json
        else f"{out}: {size / 1e6:.1f} MB of graphs"
    )


@app.command()
def half(model: Model, out: Out, as_json: AsJson = False) -> None:
    """Write a model folder with weights in float16: half the bytes, for shipping."""
    from finesight.model.halve import halve

    size = halve(model, out)
    print(
        json.dumps({"folder": str(out), "bytes": size})
        if as_json
        else f"{out}: {size / 1e6:.1f} MB of weights"
    )
