"""`finesight video plan` and `finesight video tools`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from finesight.video.choosing import Wish

Rules = Annotated[
    Path | None,
    typer.Option("--rules", help="TOML file of rules on top of the shipped ones (docs/rules.md)."),
]
Program = Annotated[
    str | None, typer.Option("--ffmpeg", help="Path of an ffmpeg, or scripted:FILE; else imageio-ffmpeg's.")
]
Explore = Annotated[
    float,
    typer.Option(
        "--explore", min=0, max=1, help="Share of shots done in another way than rules ask, to learn from."
    ),
]
Seed = Annotated[int, typer.Option(help="Of what is drawn for --explore.")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Learnt policy; what it would do is noted in the plan.")
]
Enact = Annotated[bool, typer.Option("--enact", help="Let the policy choose, if it is shown to be better.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `finesight video`."""
    app.command(name="plan")(plan_)
    app.command(name="tools")(tools_)


def plan_(
    run: Annotated[
        Path, typer.Argument(help="Folder of `finesight video analyse`; plan.json is written there.")
    ],
    rules: Rules = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which rules fired, which lost, and why.")
    ] = False,
    ffmpeg: Program = None,
    explore_share: Explore = 0.0,
    seed: Seed = 0,
    policy: PolicyFile = None,
    enact: Enact = False,
    as_json: Json = False,
) -> None:
    """Choose tools for each shot of an analysed video by rules."""
    from finesight.ui.plan import plan_block
    from finesight.video.capability import default_cache
    from finesight.video.ffmpeg import load_runner
    from finesight.video.folder import read_timeline
    from finesight.video.plan_file import plan_run
    from finesight.video.rule_files import load_rules

    timeline = read_timeline(run)
    chosen = load_rules(rules)
    made = plan_run(
        run, chosen, load_runner(ffmpeg), default_cache(), wish=wish_of(explore_share, seed, policy, enact)
    )
    if as_json:
        typer.echo(made.model_dump_json())
    else:
        _console().print(plan_block(made, timeline, chosen.tools, explain))


def wish_of(explore: float, seed: int, policy: Path | None, enact: bool) -> Wish:
    """How ways are chosen, by the options of the command."""
    from finesight.video.choosing import Wish
    from finesight.video.policy import read_policy

    return Wish(explore, seed, read_policy(policy) if policy else None, enact)


def tools_(rules: Rules = None, ffmpeg: Program = None, as_json: Json = False) -> None:
    """List the tools: whether this ffmpeg runs them, what they treat, harm and cost."""
    from finesight.ui.plan import tools_block
    from finesight.video.capability import default_cache, probe
    from finesight.video.ffmpeg import load_runner
    from finesight.video.rule_files import load_rules

    tools = load_rules(rules).tools
    runner = load_runner(ffmpeg)
    complaints = probe(tools.values(), runner, default_cache())
    if as_json:
        listed = [
            tool.model_dump(mode="json") | {"why_not": complaints[tool.name]} for tool in tools.values()
        ]
        typer.echo(json.dumps({"ffmpeg": runner.version, "tools": listed}))
    else:
        _console().print(tools_block(tools, complaints, runner.version))


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A file has no edge at which lines would have to be broken.
    return console if console.is_terminal else Console(width=max(console.width, 200))
