"""`finesight video learn-policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finesight.ui.cli.video_feedback import Stores


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command(name="learn-policy")(learn_policy)


def learn_policy(
    stores: Stores,
    out: Annotated[Path, typer.Option(help="JSON file of the policy.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what is written to --out, on one line.")
    ] = False,
) -> None:
    """Learn from attempts which way of doing a plan suits a shot, and say what that is worth beside the rules."""
    from finesight.data.atomic import write_text
    from finesight.ui.cli.video_compare import print_wide
    from finesight.ui.policy import policy_block
    from finesight.video.feedback_store import read_all
    from finesight.video.policy import first_tries
    from finesight.video.policy_value import learn

    policy = learn(first_tries(read_all(stores)))
    write_text(out, policy.model_dump_json(indent=1) + "\n")
    if as_json:
        typer.echo(policy.model_dump_json())
    else:
        print_wide(policy_block(policy))
