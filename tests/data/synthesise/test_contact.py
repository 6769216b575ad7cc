import numpy as np

from finesight.data.synthesise.contact import COLORS, contact_sheet
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity


def item(kind: T) -> tuple[np.ndarray, Annotation]:
    distortion = Distortion(
        type=kind, severity=Severity.SEVERE, box=Box.of(250, 250, 750, 750), significance=1
    )
    annotation = Annotation(
        image="a.jpg", width=200, height=150, mos=2, level=Level.POOR, distortions=(distortion,)
    )
    return np.full((150, 200, 3), 128, np.uint8), annotation


def test_the_box_is_drawn_in_the_color_of_its_type_where_it_is() -> None:
    sheet = contact_sheet([item(T.NOISE)])
    in_color = (sheet == COLORS[T.NOISE]).all(2)
    rows, columns = np.flatnonzero(in_color.any(1)), np.flatnonzero(in_color.any(0))
    assert abs(columns[0] - 105) <= 3
    assert abs(rows[-1] - 236) <= 3


def test_four_items_stand_in_a_row_and_the_last_row_is_filled_with_white() -> None:
    sheet = contact_sheet([item(kind) for kind in list(T)[:5]])
    cell_height, cell_width = sheet.shape[0] // 2, sheet.shape[1] // 4
    assert (sheet[cell_height:, cell_width:] == 255).all()
    assert not (sheet[:cell_height, 3 * cell_width :] == 255).all()


def test_every_type_has_a_color_of_its_own() -> None:
    assert set(COLORS) == set(T)
    assert len(set(COLORS.values())) == len(T)
