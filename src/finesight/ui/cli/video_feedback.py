"""`finesight video feedback`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

Stores = Annotated[
    list[Path], typer.Argument(help="Feedback stores, or JSONL files that --export has written.")
]


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(feedback)


def feedback(
    stores: Stores,
    to: Annotated[
        Path | None, typer.Option("--export", help="JSONL file that all attempts are written to.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what tools and ways have come to in the attempts that stores hold; export them."""
    import json

    from finesight.ui.cli.video_compare import print_wide
    from finesight.ui.feedback import feedback_block, tallies
    from finesight.video.feedback_store import export, read_all

    attempts = read_all(stores)
    if to:
        export(attempts, to)
        print(f"{to}: {len(attempts)} attempts", file=sys.stderr)
    if as_json:
        typer.echo(json.dumps([tally._asdict() for tally in tallies(attempts)]))
    else:
        print_wide(feedback_block(attempts))
