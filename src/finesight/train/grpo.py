"""GRPO, top to bottom: questions -> sampled answers -> rewards -> advantages -> a better policy.

All answers to a question and all questions of a picture hang behind the picture, which is encoded once, in
sampling and in training alike. There is no value model and, without a kl, no reference model. Groups whose answers
all earned the same are dropped before anything is computed for them. What is drawn follows from the seed alone, so a
run killed at any moment goes on from its checkpoint to the same weights.

References:
    Shao et al., "DeepSeekMath" (GRPO), arXiv 2402.03300; Yu et al., "DAPO", arXiv 2503.14476.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from finesight.data.images import load_picture
from finesight.model.generate import TreeGenerator
from finesight.scoring.rewards import REWARDS, load_rewards
from finesight.train.checkpoint import Progress
from finesight.train.policy.away import Away
from finesight.train.policy.collect import Collected, Collector
from finesight.train.policy.groups import Lesson
from finesight.train.policy.learner import PolicyLearner
from finesight.train.policy.pool import Pool
from finesight.train.policy.questions import Asked, ask_examples, read_questions
from finesight.train.policy.reference import make_reference
from finesight.train.policy.settings import GrpoConfig
from finesight.train.policy.start import keep_probe, moved, read_probe
from finesight.train.policy.trial import HeldOut
from finesight.train.prepare import look_through
from finesight.train.run import PROBE, open_run
from finesight.train.track import Track
from finesight.train.workbench import Workbench, load_base, set_up


def train_grpo(config: GrpoConfig, resume: bool = False, strict: bool = False) -> Path:
    """Run the recipe; returns the model folder. A run that was finished before is left as it is.

    Args:
        resume: go on from the last checkpoint of the run folder, if there is one.
        strict: let any question or picture that cannot be used be an error at the start.

    Raises:
        InputError: no usable data, or with `strict` something in it that is not. ConfigError, ModelError:
            settings, a run folder, a reward or a model that do not fit.
    """
    target = config.out / "model"
    if open_run(config, resume):
        return target
    session = begin(config, strict)
    learn(session)
    session.bench.finish(target)
    return target


class Session(NamedTuple):
    """All that stands ready when training begins."""

    config: GrpoConfig
    bench: Workbench
    pool: Pool
    collector: Collector
    learner: PolicyLearner
    held_out: HeldOut | None
    away: Away | None = None


def begin(config: GrpoConfig, strict: bool = False) -> Session:
    """Policy, questions and optimiser of a run, on every rank."""
    own = load_rewards({subclass.value: place for subclass, place in config.own_rewards.items()})
    rewarded = REWARDS.keys() | own.keys()
    bench = set_up(
        config,
        lambda device: load_base(config, device),
        lambda model, ranks, say: look_through(
            config,
            model,
            ranks,
            strict,
            say,
            lambda m, folder, watch: read_questions(m, folder, config.thinking, rewarded, watch),
        ),
    )
    ranks, pictures = bench.ranks, bench.data.pictures
    away = (
        Away(config, bench, [e for e in bench.data.examples if isinstance(e, Asked)])
        if config.servers
        else None
    )
    sampler = away.sampler if away else TreeGenerator(bench.model, rows=config.rows)
    show = load_picture if away else pictures.__getitem__
    collector = Collector(config, sampler, show, ranks, own, bench.say)
    reference = make_reference(config, bench)
    learner = PolicyLearner(config, bench.model, bench.module, pictures, ranks, bench.say, reference)
    pool = Pool(
        config,
        bench.data,
        lambda samples: ask_examples(bench.model, config.data, samples, config.thinking)[0],
        collector,
        ranks,
    )
    if ranks.sharded:
        _wake(learner, pool, bench.model.chat.end_id)
    held_out = HeldOut(config, bench.held_out, collector) if bench.held_out else None
    return Session(config, bench, pool, collector, learner, held_out, away)


def learn(session: Session) -> Progress:
    """Every step that is left, from the last checkpoint on; returns how far the run came."""
    config, bench = session.config, session.bench
    progress = bench.resume()
    begun = False
    if session.away:
        session.away.send()
    with Track(config.out, "training", config.steps, progress.step, bench.ranks) as track:
        for step in range(progress.step + 1, config.steps + 1):
            rate = _set_rates(session, step)
            collected = collect(session, step, progress, begun)
            if bench.ranks.main and (step == 1 or not (config.out / PROBE).is_file()):
                keep_probe(config.out, collected.lessons)
            began = time.monotonic()
            told = update(session, collected.lessons, on_policy=_in_step(session, step - 1))
            if session.away and _in_step(session, step):
                session.away.send()
            told |= {"update_seconds": time.monotonic() - began, "learning_rate": rate}
            told["samples_per_s"] = collected.answers / (
                collected.told["rollout_seconds"] + told["update_seconds"]
            )
            track.log(step, **collected.told, **told)
            progress = progress.model_copy(update={"step": step, "cursor": collected.cursor})
            begun = True
            if step % config.eval_every == 0 or step == config.steps:
                track.evaluated(step, evaluate(session))
            if step % config.checkpoint_every == 0 and step != config.steps:
                bench.save(progress)
    return progress


def collect(session: Session, step: int, progress: Progress, begun: bool) -> Collected:
    """Answers to the questions of a step, drawn from the policy as it is."""
    bench, pool = session.bench, session.pool
    bench.module.eval()
    with bench.ranks.whole(bench.module):
        cursor = pool.before(step, progress.cursor, begun)
        return session.collector.collect(pool.examples, pool.order, step, cursor)


def update(session: Session, lessons: Sequence[Lesson], on_policy: bool = True) -> dict[str, float]:
    """Improve the policy by the lessons of a step; what is told is of the last update. Without lessons it stays.

    Args:
        on_policy: whether the answers were drawn from the weights as they are; else from those of an earlier step.
    """
    if not lessons:
        return {}
    config, bench = session.config, session.bench
    bench.module.train()
    batch = session.learner.batch(lessons, session.pool.prefixes, on_policy)
    told: dict[str, float] = {}
    for _ in range(config.updates):
        told = session.learner.gradients(batch)
        told["gradient_norm"] = bench.update(config.clip)
    return told


def evaluate(session: Session) -> dict[str, float]:
    """Reward of greedy answers on held-out pictures, and how far the policy has come from where it began."""
    bench = session.bench
    bench.module.eval()
    found: dict[str, float] = {}
    if session.held_out:
        with bench.ranks.whole(bench.module):
            found = session.held_out.rewards()
    probe = read_probe(session.config.out)
    return found | (moved(session.learner, probe, session.pool.prefixes) if probe else {})


def _wake(learner: PolicyLearner, pool: Pool, end_id: int) -> None:
    """Run one pass through the whole module: FSDP wants that before any part of it runs, as parts do in sampling."""
    example = pool.examples[0]
    lesson = Lesson(example.path, tuple(example.tokens[0].tolist()), ((end_id,),), (0.0,), ((),))
    learner.logprobs(learner.batch([lesson], pool.prefixes))


def _in_step(session: Session, step: int) -> bool:
    """Whether what samples has the weights of training behind a step; with servers, after every `sync_every`."""
    return session.away is None or step % session.config.sync_every == 0


def _set_rates(session: Session, step: int) -> float:
    """Give each part its rate: a linear rise over `warmup` steps, then the full one; returns that."""
    config = session.config
    rate = config.learning_rate * min(1.0, step / max(1, config.warmup))
    for group in session.bench.optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate
