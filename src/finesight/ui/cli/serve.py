"""`finesight serve`."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from finesight.errors import InputError, ModelError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(serve)


def serve(
    model: Annotated[
        str | None, typer.Argument(help="Model folder or hub id; none: $FINESIGHT_MODEL or the shipped nano.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 8000,
    name: Annotated[str | None, typer.Option(help="What clients call it; without it its own name.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Answers that are written side by side.")] = 32,
    device: Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
) -> None:
    """Serve a model to OpenAI's clients; prints its URL when it listens, and stops with Ctrl-C."""
    with _listening(host, port) as listening:  # a port that is taken is to be known before a model is loaded
        try:
            import uvicorn

            from finesight.ui.service import build_app
        except ImportError as error:
            raise ModelError(f"{error.name} is not installed: pip install fastapi uvicorn") from error
        from finesight.model.answerer import load_answerer
        from finesight.model.diagnose import default_model

        service = build_app(load_answerer(model or default_model(), name, rows, device, dtype))
        typer.echo(f"http://{_shown(host)}:{listening.getsockname()[1]}/v1")
        uvicorn.Server(uvicorn.Config(service, log_level="warning")).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address; who connects before the model is there waits for it.

    Raises:
        InputError: the address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(socket.SOMAXCONN)
    except OSError as error:
        taken.close()
        raise InputError(
            f"{host}:{port}: cannot listen there ({error.strerror}); give another --port"
        ) from error
    return taken


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
