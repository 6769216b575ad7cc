"""Where labels go: each near its box, none over another, none outside the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finesight.schema.box import Box

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom exclusive."""
Size = tuple[int, int]


def place_labels(boxes: Sequence[Rect], sizes: Sequence[Size], canvas: Size) -> list[Rect | None]:
    """A rectangle for the label of each box; None where the canvas has no free place left for it.

    Small boxes choose first, since they have fewer places that point at them. The rectangles returned are
    disjoint and inside the canvas.

    Args:
        boxes: what the labels belong to, in pixels of the canvas.
        sizes: width and height of each label in pixels.
        canvas: width and height in pixels.
    """
    placed: list[Rect | None] = [None] * len(boxes)
    taken: list[Rect] = []
    for index in sorted(range(len(boxes)), key=lambda i: _area(boxes[i])):
        for rect in _candidates(boxes[index], sizes[index], canvas):
            if _inside(rect, canvas) and not any(_overlap(rect, other) for other in taken):
                placed[index] = rect
                taken.append(rect)
                break
    return placed


def to_rect(box: Box, canvas: Size) -> Rect:
    """A box in whole pixels of a canvas."""
    left, top, right, bottom = box.to_pixels(*canvas)
    return round(left), round(top), round(right), round(bottom)


def coincident(boxes: Sequence[Box]) -> list[list[int]]:
    """For each box the indices of the earlier ones it lies on (IoU above 0.9), which would hide its frame."""
    return [[i for i in range(n) if boxes[i].iou(box) > 0.9] for n, box in enumerate(boxes)]


def _candidates(box: Rect, size: Size, canvas: Size) -> Iterator[Rect]:
    """The usual places around and in the box, then every cell of a grid by its distance from the box."""
    (left, top, right, bottom), (width, height) = box, size
    slid = max(0, min(left, canvas[0] - width))
    for x, y in (
        (slid, top - height),
        (left, top),
        (right - width, top),
        (slid, bottom),
        (left, bottom - height),
        (right - width, bottom - height),
        (right, top),
        (left - width, top),
    ):
        yield x, y, x + width, y + height
    columns = range(0, canvas[0] - width + 1, max(1, width // 3))
    rows = range(0, canvas[1] - height + 1, max(1, height))
    for x, y in sorted(
        ((x, y) for y in rows for x in columns), key=lambda p: abs(p[0] - left) + abs(p[1] - top)
    ):
        yield x, y, x + width, y + height


def _area(rect: Rect) -> int:
    return (rect[2] - rect[0]) * (rect[3] - rect[1])


def _inside(rect: Rect, canvas: Size) -> bool:
    return rect[0] >= 0 and rect[1] >= 0 and rect[2] <= canvas[0] and rect[3] <= canvas[1]


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
