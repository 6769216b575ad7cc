"""What the article claims of SFT, merging, GRPO and mining, at equal cost: ways from one base, and GRPO's settings.

The article trains by SFT, mines samples of medium difficulty, and goes on by GRPO. Here new nanos take that path and
others that cost as much, with several seeds each, and are scored on pictures of photographs they have not seen:

    python benchmarks/grpo_paths.py TRAIN BENCH OUT --seeds 0 1 2 [--only NAME ...] [--ablations] [--json]

TRAIN: a data folder with samples/combined.json. BENCH: a folder as `finesight eval` takes it. Every arm is a pipeline
of its own (docs/pipeline.md) that goes on from the model of another one. With `--sight MODEL` the base is a new
decoder behind the encoder of a trained nano, as the article's base sees before it is tuned. With `--fresh` GRPO asks
of pictures that SFT has not learned by heart, and `sft long` learns from those too (`--joined`). A run that was
killed goes on; the table is printed at the end, `--json` as one object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

from contenders.seeds import table
from rich.console import Console

from finesight.data.folder import SAMPLES, link_images
from finesight.data.merge.folder import merge_folder
from finesight.data.readers.samples import COMBINED, read_samples, write_samples
from finesight.model.load import LoadedModel, load_model, save_model
from finesight.model.nano.build import NanoSize, build_nano
from finesight.scoring.mipi import INDICATORS
from finesight.train.exam import compare, examine, read_scores
from finesight.train.pipeline import run_pipeline
from finesight.train.pipeline_settings import GRPO, MINED, MODEL, SFT, PipelineConfig
from finesight.train.prepare import FEATURES
from finesight.train.track import read_metrics

FOUND = ("type_f1", "box_f1", "severity_accuracy", "level_accuracy")
LONG = "sft long"
RIVALS = ("sft", LONG)
"""What the others are held against, picture by picture."""
TEACH: dict[str, Any] = {
    "batch": 4,
    "questions": 3,
    "draw": "some",
    "learning_rate": 1.5e-3,
    "subclass_weights": {"assess": 3.0, "dist_detect": 3.0, "mcq": 0.5},
}
"""The settings of `finesight demo`."""
REWARD: dict[str, Any] = {
    "batch": 8,
    "questions": 4,
    "learning_rate": 1e-4,
    "warmup": 5,
    "sampling": {"samples": 8, "max_new_tokens": 256, "temperature": 0.5},
    "unparsed": None,
}
"""At temperature 1 half of the descriptions that such a nano samples cannot be read, greedily nearly all can: where
that counts, it learns to say little."""
MINING: dict[str, Any] = {
    "merge_choices": False,  # nano was never asked several at once
    "subclasses": {"mcq": {"budget": 0}},
}
"""Nano guesses at choices, and one that is guessed always looks of medium difficulty."""


class Arm(NamedTuple):
    """A path: the arm whose model it goes on from ('' for a new nano), its stages, and settings of its own.

    mined: asks the questions that the arm of that name has mined, and not all; with `all_of_mined`, all questions of
    their pictures. merged: questions of a picture are one numbered prompt (`finesight data merge`). data: the
    option that names the folder it learns from, where that is given.
    """

    start: str
    stages: tuple[str, ...]
    settings: dict[str, dict[str, Any]]
    mined: str = ""
    all_of_mined: bool = False
    merged: bool = False
    data: str = "train"


def main() -> None:
    arguments = parse()
    every = paths(arguments) | (ablations(arguments) if arguments.ablations else {})
    names = arguments.only or list(every)
    results = {name: [measure(arguments, every, name, seed) for seed in arguments.seeds] for name in names}
    for name, found in results.items():
        results[name] = [f | gained(arguments, name, s) for f, s in zip(found, arguments.seeds, strict=True)]
    Console(stderr=True, width=180).print(table(results))
    if arguments.json:
        print(json.dumps(results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="SFT, GRPO and mining at equal cost")
    parser.add_argument("train", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=336, help="new nanos shrink pictures to it, squared")
    parser.add_argument("--sight", metavar="MODEL", help="a nano whose encoder the base has")
    parser.add_argument("--fresh", type=Path, help="a folder like TRAIN, of other pictures, for GRPO")
    parser.add_argument("--joined", type=Path, help="TRAIN and the pictures of --fresh, for `sft long`")
    parser.add_argument("--dense-steps", type=int, default=2000, help="of the encoder alone, without --sight")
    parser.add_argument("--base-steps", type=int, default=150, help="of SFT, in the base")
    parser.add_argument("--sft-steps", type=int, default=850, help="of SFT before GRPO")
    parser.add_argument(
        "--separate-steps", type=int, default=1300, help="of SFT by single questions; as `sft` costs"
    )
    parser.add_argument(
        "--merged-steps", type=int, default=900, help="of SFT by merged prompts; as `sft` costs"
    )
    parser.add_argument("--grpo-steps", type=int, default=60, help="of GRPO behind SFT")
    parser.add_argument("--exchange", type=float, default=20.0, help="steps of SFT that cost one of GRPO")
    parser.add_argument("--pictures", type=int, default=64, help="whose questions are sampled for mining")
    parser.add_argument("--mining-steps", type=int, default=14, help="of GRPO that this sampling costs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ablations", action="store_true", help="and settings of GRPO, one at a time")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some of the arms")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def paths(arguments: argparse.Namespace) -> dict[str, Arm]:
    """The base, and the ways from it that cost the same."""
    dense, base, sft = arguments.dense_steps, arguments.base_steps, arguments.sft_steps
    grpo, exchange = arguments.grpo_steps, arguments.exchange
    small = {"max_pixels": arguments.side**2}
    long, alone = sft + round(grpo * exchange), grpo + round(sft / exchange)
    first: dict[str, Any] = {"steps": dense + base, "dense_steps": dense, "nano": small}
    if arguments.sight:
        first = {"steps": base}
    return {
        "base": Arm("", ("sft",), {"sft": first}),
        "sft separate": Arm("base", ("sft",), {"sft": {"steps": arguments.separate_steps, "questions": 1}}),
        "sft merged": Arm(
            "base", ("sft",), {"sft": {"steps": arguments.merged_steps, "questions": 1}}, merged=True
        ),
        "sft": Arm("base", ("sft",), {"sft": {"steps": sft}}),
        LONG: Arm("base", ("sft",), {"sft": {"steps": long}}, data="joined"),
        "grpo alone": Arm("base", ("grpo",), {"grpo": {"steps": alone}}, data="fresh"),
        "sft, grpo": Arm("sft", ("grpo",), {"grpo": {"steps": grpo}}, data="fresh"),
        "sft, mined grpo": mined(arguments),
    }


def mined(arguments: argparse.Namespace, **changes: Any) -> Arm:
    """SFT, and GRPO on what is kept of answers to the questions of some pictures."""
    return Arm(
        "sft",
        ("rollouts", "mine", "grpo"),
        {
            "grpo": {"steps": arguments.grpo_steps - arguments.mining_steps} | changes,
            "rollout": {"pictures": arguments.pictures},
            "mining": MINING,
        },
        data="fresh",
    )


def ablations(arguments: argparse.Namespace) -> dict[str, Arm]:
    """GRPO behind SFT on mined questions, one setting changed at a time; as many answers a step in all of them."""
    steps = arguments.grpo_steps - arguments.mining_steps

    def variant(**changes: Any) -> Arm:
        return Arm("sft", ("grpo",), {"grpo": {"steps": steps} | changes}, "sft, mined grpo", data="fresh")

    sampling = REWARD["sampling"]
    hot = {"sampling": sampling | {"temperature": 1.0}, "unparsed": 0.0}
    return {
        "temperature 1": Arm("sft", ("grpo",), {"grpo": {"steps": arguments.grpo_steps} | hot}),
        "mined, temperature 1": variant(**hot),
        "unparsed 0": variant(unparsed=0.0),
        "seen pictures": mined(arguments, unparsed=0.0)._replace(data="train"),
        "kl 0.05": variant(objective={"kl": 0.05}),
        "scale group": variant(scale="group"),
        "4 answers": variant(sampling=sampling | {"samples": 4}, batch=16),
        "16 answers": variant(sampling=sampling | {"samples": 16}, batch=4),
        "projector trained": variant(frozen=["vision"]),  # what nano sees with; its trunk is never trained
        "pictures of mined": variant()._replace(all_of_mined=True),
        "mined online": variant(mining=MINING, refresh_every=15, refresh_questions=64)._replace(mined=""),
    }


def measure(
    arguments: argparse.Namespace, every: dict[str, Arm], name: str, seed: int
) -> dict[str, float | None]:
    """Figures of one arm and seed; kept in its folder, so that it is done once.

    CPU minutes are those of this process: of a run that was killed and goes on, of the rest of it.
    """
    kept = folder(arguments, name, seed) / "figures.json"
    if not kept.is_file():
        config = pipeline(arguments, every, name, seed)
        share_features(config)
        began = time.process_time()
        run_pipeline(config, tell=lambda stage, seen: None)
        spent = time.process_time() - began
        examine(model(config), arguments.bench, config.out / "exam", rows=128, answer_tokens=256)
        figures = score(config)
        kept.write_text(json.dumps(figures | {"cpu_minutes": spent / 60}))
    found: dict[str, float | None] = json.loads(kept.read_text())
    return found


def pipeline(arguments: argparse.Namespace, every: dict[str, Arm], name: str, seed: int) -> PipelineConfig:
    """An arm as a pipeline; the arms that it goes on from are run before."""
    arm = every[name]
    for other in (arm.start, arm.mined):
        if other:
            measure(arguments, every, other, seed)
    start = model(pipeline(arguments, every, arm.start, seed)) if arm.start else sighted(arguments, seed)
    given = {"sft": TEACH, "grpo": REWARD} if "grpo" in arm.stages else {"sft": TEACH}
    return PipelineConfig.model_validate(
        {
            "data": questions(arguments, arm, name, seed),
            "bench": arguments.bench,
            "out": folder(arguments, name, seed),
            "model": start,
            "stages": arm.stages,
            "seed": seed,
        }
        | {"rollout": {"rows": 128} | arm.settings.get("rollout", {})}
        | {"mining": arm.settings.get("mining", {})}
        | {section: values | arm.settings.get(section, {"steps": 1}) for section, values in given.items()}
    )


def share_features(config: PipelineConfig) -> None:
    """One folder of features for all arms: the trunk is the same, so a picture goes through it once."""
    features = (config.out.parent / FEATURES).resolve()
    features.mkdir(parents=True, exist_ok=True)
    for stage in set(config.stages) & {SFT, GRPO}:
        (config.out / stage).mkdir(parents=True, exist_ok=True)
        if not (config.out / stage / FEATURES).exists():
            (config.out / stage / FEATURES).symlink_to(features)


def sighted(arguments: argparse.Namespace, seed: int) -> str | None:
    """A nano with the encoder of `--sight` and a decoder that has learned nothing; None without."""
    if not arguments.sight:
        return None
    out: Path = arguments.out / f"sighted-{seed}"
    if not out.is_dir():
        seeing = load_model(arguments.sight)
        new = build_nano(size_of(seeing), seeing.tokenizer, seed)
        new.family.model.model.visual.load_state_dict(seeing.family.model.model.visual.state_dict())
        save_model(new, out)
    return str(out)


def size_of(nano: LoadedModel) -> NanoSize:
    """What `build_nano` made it of."""
    text, vision = nano.family.model.config.text_config, nano.family.model.config.vision_config
    return NanoSize(
        width=text.hidden_size,
        layers=text.num_hidden_layers - 1,
        heads=text.num_attention_heads,
        encoder_layers=vision.encoder_layers,
        **nano.description.policy.model_dump(include={"min_pixels", "max_pixels"}),
    )


def questions(arguments: argparse.Namespace, arm: Arm, name: str, seed: int) -> Path:
    """The data folder that an arm learns from."""
    train: Path = getattr(arguments, arm.data) or arguments.train
    if arm.merged:
        merged: Path = arguments.out / "merged"
        if not (merged / SAMPLES / COMBINED).is_file():
            merge_folder(train, merged, "merge")
        return merged
    if not arm.mined:
        return train
    mined = folder(arguments, arm.mined, seed) / MINED
    if not arm.all_of_mined:
        return mined
    out = folder(arguments, name, seed) / "data"
    pictures = {sample.image for sample in read_samples(mined / SAMPLES / COMBINED)}
    if not (out / SAMPLES / COMBINED).is_file():
        out.mkdir(parents=True, exist_ok=True)
        link_images(out, train)
        write_samples(
            out / SAMPLES, (s for s in read_samples(train / SAMPLES / COMBINED) if s.image in pictures)
        )
    return out


def folder(arguments: argparse.Namespace, name: str, seed: int) -> Path:
    """Where an arm's run is."""
    out: Path = arguments.out
    return out / f"{name.replace(', ', '-').replace(' ', '_')}-{seed}"


def model(config: PipelineConfig) -> str:
    """The model that an arm ends with."""
    return str(config.out / (GRPO if "grpo" in config.stages else SFT) / MODEL)


def score(config: PipelineConfig) -> dict[str, float | None]:
    """The official indicators, the strict sum, and what descriptions found."""
    scores = read_scores(config.out / "exam")
    figures: dict[str, float | None] = {n: scores.official[n] for n in (*INDICATORS, "final", "unparsed")}
    figures["final, strict"] = scores.strict["final"]
    figures |= {n: getattr(scores.descriptions, n) for n in FOUND}
    if "grpo" in config.stages:
        rows = [row for row in read_metrics(config.out / GRPO) if "entropy" in row]
        figures["entropy at the end"] = statistics.mean(row["entropy"] for row in rows[-10:])
    return figures


def gained(arguments: argparse.Namespace, name: str, seed: int) -> dict[str, float]:
    """What an arm has over its rivals, on the same pictures; nothing where they were not run."""
    exams = {arm: folder(arguments, arm, seed) / "exam" for arm in (name, *RIVALS)}
    return {
        f"gained on {rival}": compare(exams[rival], exams[name], arguments.bench)["final"].value
        for rival in RIVALS
        if name not in ("base", rival) and exams[rival].is_dir()
    }


if __name__ == "__main__":
    main()
