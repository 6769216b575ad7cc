"""Annotated pictures in the ViDA schema: read, refused with a reason, written and read again."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.data.readers import read_metadata, write_metadata
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity

CORNER = st.integers(0, 1000)
boxes = st.tuples(CORNER, CORNER, CORNER, CORNER).map(
    lambda c: Box.of(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
distortions = st.builds(
    Distortion,
    type=st.sampled_from(DistortionType),
    severity=st.sampled_from(Severity),
    box=boxes,
    significance=st.floats(-1e6, 1e6),
    position=st.text(),
    manifestation=st.text(),
    impact=st.text(),
)
annotations = st.builds(
    Annotation,
    image=st.text(),
    width=st.integers(1, 10**6),
    height=st.integers(1, 10**6),
    mos=st.floats(1, 5),
    level=st.sampled_from(Level),
    distortions=st.lists(distortions, max_size=3).map(tuple),
    content=st.text(),
    source=st.text(),
)

DISTORTION = {
    "id": "1",
    "distortion": "Blocking artifact",
    "coordinates": [0, 10, 1000, 990],
    "region_quality_scores": 2.1,
    "region_importance_score": 3,
    "position": "sky",
    "severity": "Slight",
    "visual manifestation": "blocks",
    "perception impact": "distracts",
    "significance_score": 4,
}
RECORD = {
    "image": "a.png",
    "mos": 2.5,
    "level": "poor",
    "width": 640,
    "height": 480,
    "distortions": [DISTORTION],
}


def read(path: Path, *records: object):
    path = path / "metadata.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    reading = read_metadata(path)
    return list(reading), reading.skipped


@settings(max_examples=40)
@given(st.lists(annotations, max_size=4))
def test_reading_what_was_written_gives_the_same_pictures(tmp_path_factory, pictures):
    path = tmp_path_factory.mktemp("metadata") / "metadata.json"
    write_metadata(path, pictures)
    reading = read_metadata(path)
    assert list(reading) == pictures
    assert not reading.skipped


def test_a_record_of_the_authors_is_read_with_aliases_folded_and_other_fields_passed_over(tmp_path):
    (picture,), skipped = read(tmp_path, RECORD)
    assert not skipped
    assert picture.level is Level.POOR
    assert picture.distortions == (
        Distortion(
            type=DistortionType.BLOCKING_ARTIFACTS,
            severity=Severity.MINOR,
            box=Box.of(0, 10, 1000, 990),
            significance=4,
            position="sky",
            manifestation="blocks",
            impact="distracts",
        ),
    )


@pytest.mark.parametrize("nothing", [[], "There is no distortion in the image.", "No distortion."])
def test_a_clean_picture_has_an_empty_list_or_a_sentence(tmp_path, nothing):
    (picture,), _ = read(tmp_path, RECORD | {"distortions": nothing})
    assert picture.distortions == ()


@pytest.mark.parametrize("absent", [None, "drop"])
def test_missing_significance_is_zero(tmp_path, absent):
    distortion = DISTORTION | {"significance_score": None}
    if absent == "drop":
        del distortion["significance_score"]
    (picture,), _ = read(tmp_path, RECORD | {"distortions": [distortion]})
    assert picture.distortions[0].significance == 0


BAD = [
    ("text", "an object is expected"),
    ([RECORD], "an object is expected"),
    ({k: v for k, v in RECORD.items() if k != "mos"}, "mos: missing"),
    (RECORD | {"image": 3}, "image: a string is expected"),
    (RECORD | {"width": "640"}, "width: a finite number is expected"),
    (RECORD | {"width": True}, "width: a finite number is expected"),
    (RECORD | {"width": 640.5}, "width: a whole number is expected"),
    (RECORD | {"width": 10**400}, "width: a finite number is expected"),
    (RECORD | {"height": 0}, "height"),
    (RECORD | {"mos": float("nan")}, "mos: a finite number is expected"),
    (RECORD | {"mos": 7}, "mos"),
    (RECORD | {"level": "awful"}, "level: 'awful'"),
    (RECORD | {"distortions": "unknown"}, "distortions: a list"),
    (RECORD | {"distortions": None}, "distortions: a list"),
    (RECORD | {"distortions": ["x"]}, "distortions[0]: an object"),
    (
        RECORD | {"distortions": [DISTORTION, DISTORTION | {"distortion": "Glare"}]},
        "distortions[1].distortion: 'Glare'",
    ),
    (RECORD | {"distortions": [DISTORTION | {"severity": "huge"}]}, "distortions[0].severity: 'huge'"),
    (RECORD | {"distortions": [DISTORTION | {"coordinates": [5, 5, 1, 9]}]}, "out of order"),
    (
        RECORD | {"distortions": [DISTORTION | {"coordinates": [0, 0, 1, 1920]}]},
        "leaves 0..1000; are these pixels?",
    ),
    (RECORD | {"distortions": [DISTORTION | {"coordinates": [0, 0, 1]}]}, "four numbers"),
    (RECORD | {"distortions": [DISTORTION | {"coordinates": ["0", 0, 1, 1]}]}, "finite number"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_record_is_skipped_with_file_index_and_reason_and_the_rest_goes_on(tmp_path, bad, reason):
    pictures, skipped = read(tmp_path, RECORD, bad, RECORD | {"image": "b.png"})
    assert [p.image for p in pictures] == ["a.png", "b.png"]
    assert [s.index for s in skipped] == [1]
    assert skipped[0].file.endswith("metadata.json")
    assert reason in skipped[0].reason


@given(
    st.dictionaries(
        st.sampled_from([*RECORD, *DISTORTION, "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["Noise", "minor", ""]),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(list(DISTORTION)), inner, max_size=6)
            ),
            max_leaves=20,
        ),
    )
)
def test_any_json_object_is_a_picture_or_a_reason(tmp_path_factory, record):
    pictures, skipped = read(tmp_path_factory.mktemp("fuzz"), RECORD | record)
    assert len(pictures) + len(skipped) == 1
