"""Tables of mean opinion scores as people save them."""

import pytest

from finesight.data.readers import Rating, read_mos
from finesight.errors import InputError


@pytest.fixture
def table(tmp_path):
    def table(content: str | bytes):
        path = tmp_path / "mos.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return table


EXPECTED = [Rating(image="a b.png", mos=3.5, std=0.25), Rating(image="b.png", mos=2.0, std=None)]


@pytest.mark.parametrize(
    "content",
    [
        "image,mos,std\na b.png,3.5,0.25\nb.png,2,\n",
        "Image Name;MOS;SD\r\na b.png;3,5;0,25\r\nb.png;2;\r\n",
        "c1\tfile_name\tstd-dev\tScore\n9\ta b.png\t.25\t3.5\n9\tb.png\t\t2.0\n",
        'filename|"pred_mos"|sigma\n"a b.png"|3.5|.25\n\nb.png|2|\n',
    ],
)
def test_delimiters_names_and_decimal_commas_of_all_kinds_are_read(table, content):
    reading = read_mos(table(content))
    assert list(reading) == EXPECTED
    assert not reading.skipped


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_encodings_are_read(table, encoding):
    assert list(read_mos(table("image,mos\nmüde.png,3\n".encode(encoding)))) == [
        Rating(image="müde.png", mos=3)
    ]


def test_mos_is_preferred_to_other_columns_that_sound_like_it(table):
    assert next(read_mos(table("name,score,mos\na,1,2\n"))).mos == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.png,high", "'high' is not a number"),
        ("b.png,nan", "not a finite number"),
        ("b.png,inf", "not a finite number"),
        ("b.png", "1 columns"),
        (",3", "no image name"),
        ("a.png,4", "rated before"),
    ],
)
def test_a_bad_row_is_skipped_with_its_index_and_the_rest_goes_on(table, row, reason):
    reading = read_mos(table(f"image,mos\na.png,3\n{row}\nc.png,5\n"))
    assert [r.image for r in reading] == ["a.png", "c.png"]
    assert [(s.index, reason in s.reason) for s in reading.skipped] == [(1, True)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("image,dmos\na,3\n", "rename one of them"),
        ("a.png,3\n", "no column"),
        (b"\x81\x8d\x90,mos", "save the table as UTF-8"),
    ],
)
def test_a_table_without_header_or_text_is_an_error_with_the_remedy(table, content, said):
    path = table(content)
    with pytest.raises(InputError, match=said) as error:
        list(read_mos(path))
    assert str(path) in str(error.value)


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        list(read_mos(tmp_path / "absent.csv"))
