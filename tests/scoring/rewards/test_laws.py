"""Laws of the rewards over any reference: nothing but a better answer earns more.

Answers are written and read back, as those of a model are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention, canonical
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import RewardSettings, reward_of
from finesight.text.grammar import box_text, reference_text
from finesight.text.render import (
    render_assess,
    render_brief,
    render_detect,
    render_referring,
    render_region,
    render_score,
)

law = hypothesis_settings(max_examples=40)
TYPES = list(DistortionType)
WHOLE = Box.of(0, 0, 1000, 1000)
CONTENT = "A long street at dusk with parked cars and a cyclist in front of a window."
JUNK = " and so on and on it goes without any end in sight"


def boxes(most: int = 1000) -> st.SearchStrategy[Box]:
    """Boxes of 40 to `most` a side."""
    side = st.integers(40, most)
    return st.tuples(side, side, st.floats(0, 1), st.floats(0, 1)).map(
        lambda b: Box.of(
            *(at := (round((1000 - b[0]) * b[2]), round((1000 - b[1]) * b[3]))), at[0] + b[0], at[1] + b[1]
        )
    )


def findings(
    types: list[DistortionType] = TYPES, most: int = 1000, **sizes
) -> st.SearchStrategy[list[Finding]]:
    one = st.builds(
        Finding,
        type=st.sampled_from(types),
        severity=st.sampled_from(Severity),
        box=boxes(most),
        key=st.booleans(),
    )
    # Each box once, that no two findings are one.
    return st.lists(one, unique_by=lambda f: f.box, **{"max_size": 6, **sizes})


TRUE, OTHER = TYPES[:5], TYPES[5:]
levels = st.sampled_from(Level)
shares = st.floats(0, 1)
settings = st.builds(
    RewardSettings,
    found=st.floats(0.1, 3),
    key=st.floats(0, 3),
    level=st.floats(0, 3),
    hit=shares,
    severity=shares,
    named_severity=shares,
    level_reach=st.integers(1, 5),
)


class Form(NamedTuple):
    """A subclass, how its findings are written, and whether it names types."""

    subclass: Subclass
    write: Callable[[list[Finding], Level], str]
    typed: bool = True


def _brief(given_findings: list[Finding], level: Level) -> str:
    mentions = tuple(Mention(type=f.type, severity=f.severity) for f in given_findings)
    return render_brief(Brief(level=level, mentions=mentions, scene=CONTENT))


def _prose(given_findings: list[Finding]) -> str:
    marks = [reference_text(f.severity, f.type, opens=False) + box_text(f.box) for f in given_findings]
    return f"{', '.join(marks)}." if marks else "There is no noise in the image."


ASSESS = Form(
    Subclass.ASSESS,
    lambda f, level: render_assess(Diagnosis(content=CONTENT, findings=tuple(f), level=level)),
)
BRIEF = Form(Subclass.BRIEF_ASSESS, _brief)
DETECT = Form(Subclass.DIST_DETECT, lambda f, _: render_detect(f))
REGION = Form(Subclass.REG_PERCEPTION, lambda f, _: render_region(f))
PROSE = Form(Subclass.DIST_ASSESS, lambda f, _: _prose(f))
REFERRING = Form(Subclass.REF_GROUNDING, lambda f, _: render_referring(x.box for x in f), typed=False)
FORMS = (ASSESS, BRIEF, DETECT, REGION, PROSE, REFERRING)
TYPED = tuple(form for form in FORMS if form.typed)
BOXED = tuple(form for form in FORMS if form is not BRIEF)
forms, typed_forms, boxed_forms = map(st.sampled_from, (FORMS, TYPED, BOXED))


def earned(
    form: Form, true: list[Finding], said: list[Finding] | str, level=Level.FAIR, given_settings=None
) -> float:
    """What an answer earns, one that cannot be read being trained on as 0. The true level is fair."""
    sample = Sample(
        id="s", image="a.png", subclass=form.subclass, question="?", answer=form.write(true, Level.FAIR)
    )
    text = said if isinstance(said, str) else form.write(said, level)
    return reward_of(sample, text, given_settings or RewardSettings()).value or 0.0


@law
@given(forms, findings(), findings(), levels, settings)
def test_every_reward_is_within_0_and_1(form, true, said, level, given_settings):
    assert 0 <= earned(form, true, said, level, given_settings) <= 1


@law
@given(forms, findings(), settings)
def test_the_reference_earns_exactly_1(form, true, given_settings):
    assert earned(form, true, true, given_settings=given_settings) == 1


@law
@given(forms, findings(), findings(), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(form, true, said, rng):
    shuffled = said.copy()
    rng.shuffle(shuffled)
    assert earned(form, true, shuffled) == pytest.approx(earned(form, true, said), abs=1e-12)


@law
@given(typed_forms, findings(TRUE, min_size=1), st.data(), settings)
def test_dropping_a_right_finding_never_earns_more(form, true, data, given_settings):
    """Right findings beside wrong ones."""
    right = data.draw(st.lists(st.sampled_from(true), min_size=1, unique=True))
    wrong = data.draw(findings(OTHER, max_size=3))
    dropped = data.draw(st.sampled_from(right))
    fewer = [f for f in right if f != dropped]
    before = earned(form, true, right + wrong, given_settings=given_settings)
    assert earned(form, true, fewer + wrong, given_settings=given_settings) <= before + 1e-12


@law
@given(typed_forms, findings(TRUE), findings(TRUE), findings(OTHER, min_size=1, max_size=1), settings)
def test_adding_a_wrong_finding_never_earns_more(form, true, said, wrong, given_settings):
    before = earned(form, true, said, given_settings=given_settings)
    assert earned(form, true, said + wrong, given_settings=given_settings) <= before + 1e-12


@law
@given(boxed_forms, findings(min_size=1), st.data())
def test_a_wrong_finding_beside_all_the_right_ones_always_costs(form, true, data):
    wrong = data.draw(
        findings(max_size=1, min_size=1).filter(lambda f: f[0].box not in {t.box for t in true})
    )
    assert earned(form, true, true + wrong) < 1


@law
@given(boxed_forms, findings(min_size=1, max_size=4), boxes(), settings, st.floats(0, 1))
def test_a_box_nearer_to_the_only_true_one_of_its_type_never_earns_less(
    form, true, start, given_settings, way
):
    """From `start` some way towards the true box, corner by corner; kept where the overlap did not fall."""
    assume(len({f.type for f in true}) == len(true))
    aim, rest = true[0], true[1:]
    nearer = Box.of(*(round(a + way * (b - a)) for a, b in zip(start.xyxy, aim.box.xyxy, strict=True)))
    assume(nearer.iou(aim.box) >= start.iou(aim.box))
    others = [] if form is REFERRING else rest
    far, near = ([aim.model_copy(update={"box": box}), *others] for box in (start, nearer))
    # Two findings that fall together would be one; a referring answer is of a single box.
    assume(len(canonical(far)) == len(canonical(near)) == len(others) + 1)
    asked = [aim, *others]
    before = earned(form, asked, far, given_settings=given_settings)
    assert earned(form, asked, near, given_settings=given_settings) >= before - 1e-12


@law
@given(typed_forms, findings(min_size=1), st.data(), settings)
def test_the_right_severity_never_earns_less(form, true, data, given_settings):
    changed = [f.model_copy(update={"severity": data.draw(st.sampled_from(Severity))}) for f in true]
    mended = [true[0], *changed[1:]]
    assume(form is not BRIEF or len({f.type for f in true}) == len(true))
    before = earned(form, true, changed, given_settings=given_settings)
    assert earned(form, true, mended, given_settings=given_settings) >= before - 1e-12


@law
@given(st.sampled_from([ASSESS, BRIEF]), findings(), findings(), levels, levels, settings)
def test_a_level_nearer_to_the_true_one_never_earns_less(form, true, said, first, second, given_settings):
    near, far = sorted((first, second), key=lambda level: abs(level.rank - Level.FAIR.rank))
    better = earned(form, true, said, near, given_settings)
    assert better >= earned(form, true, said, far, given_settings)


def half(form: Form, true: list[Finding]) -> list[Finding]:
    """Every second finding, keys first; a single one as two thirds of its box, in brief of the next severity."""
    if len(true) > 1:
        return sorted(true, key=lambda f: not f.key)[: -(-len(true) // 2)]
    box = true[0].box
    narrow = Box.of(box.x1, box.y1, box.x1 + -(-2 * (box.x2 - box.x1) // 3), box.y2)
    severity = Severity.MINOR if true[0].severity is Severity.MODERATE else Severity.MODERATE
    return [true[0].model_copy(update={"severity": severity} if form is BRIEF else {"box": narrow})]


# Attacks are as strong as they can be: all of them say the right level.


def grown(true: list[Finding]) -> list[Finding]:
    """Every box five times, a little smaller each time: none of them is another true one."""

    def cut(box: Box, by: int) -> Box:
        return Box.of(box.x1, box.y1, box.x2 - by, box.y2 - by)

    return [f.model_copy(update={"box": cut(f.box, n)}) for f in true for n in range(5)]


def mistyped(true: list[Finding]) -> list[Finding]:
    return [f.model_copy(update={"type": OTHER[TRUE.index(f.type)]}) for f in true]


def giant(true: list[Finding]) -> list[Finding]:
    return [true[0].model_copy(update={"box": WHOLE, "key": True})]


def everywhere(true: list[Finding]) -> list[Finding]:
    return [Finding(type=t, severity=Severity.MODERATE, box=WHOLE, key=True) for t in TYPES]


def tiles(true: list[Finding]) -> list[Finding]:
    cuts = range(0, 1000, 200)
    cells = [Box.of(x, y, x + 200, y + 200) for x in cuts for y in cuts]
    return [true[0].model_copy(update={"box": cell, "key": True}) for cell in cells]


# Local distortions of distinct types, one of them key: of a picture that is bad all over, a giant box is the truth.
local = findings(TRUE, most=650, min_size=1, max_size=5).filter(
    lambda true: len({f.type for f in true}) == len(true) and sum(f.key for f in true) == 1
)


@pytest.mark.parametrize("attack", [grown, mistyped, giant, everywhere, tiles])
@law
@given(form=boxed_forms, true=local)
def test_flooding_and_guessing_earn_less_than_an_honest_half(attack, form, true):
    assume(form.typed or attack is not mistyped)
    asked = true if form.typed else true[:1]
    attacked = earned(form, asked, attack(asked))
    assert attacked < earned(form, asked, half(form, asked)) < 1
    assert attacked < 0.95


@law
@given(forms, local)
def test_saying_nothing_earns_less_than_an_honest_half(form, true):
    asked = true if form.typed else true[:1]
    assert earned(form, asked, []) < earned(form, asked, half(form, asked)) < 1
    assert earned(form, asked, "") == 0


@law
@given(st.sampled_from([ASSESS, DETECT, REGION, REFERRING]), local)
def test_the_reference_with_words_behind_it_earns_less_than_an_honest_half(form, true):
    asked = true if form.typed else true[:1]
    text = form.write(asked, Level.FAIR)
    assert earned(form, asked, text + JUNK) < earned(form, asked, half(form, asked))


@law
@given(st.sampled_from([DETECT, REGION, REFERRING]), findings(min_size=1), st.integers(2, 6))
def test_the_same_finding_over_and_over_earns_less_the_oftener_it_is_said(form, true, times):
    text = form.write(true, Level.FAIR).removesuffix(".")
    stop = "." if form is DETECT else ""
    assert earned(form, true, "\n".join([text] * times) + stop) == pytest.approx(2 / (times + 1))


@law
@given(levels, levels)
def test_a_score_earns_by_its_level_alone(said, true):
    sample = Sample(id="s", image="a", subclass=Subclass.SCORE, question="?", answer=render_score(true))
    value = reward_of(sample, render_score(said)).value
    assert value == max(0, 1 - abs(said.rank - true.rank) / 2)
