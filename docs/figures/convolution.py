"""Convolution and max pooling, with numbers."""

import numpy as np
from drawing import AMBER, GREEN, INK, SMALL, Drawing, W, shade, tint

IMAGE = np.array(
    [
        [0, 0, 3, 0, 0, 0],
        [0, 1, 4, 1, 0, 0],
        [0, 0, 5, 0, 0, 0],
        [0, 0, 4, 1, 0, 0],
        [0, 0, 1, 3, 2, 0],
        [0, 0, 0, 2, 4, 1],
    ]
)
KERNEL = np.array([[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]])
CELL, PLACE = 36, (1, 1)


def draw() -> Drawing:
    """Image, kernel, result and pooled result in a row, and the sum of one place."""
    result, pooled = convolved(), pooling(convolved())
    card = Drawing(
        "Convolution and pooling",
        "A kernel of 3 times 3 weights slides over an image of 6 times 6 pixels. In each place nine products are "
        "added to one pixel of the result, 4 times 4. Max pooling then keeps the largest of each block of 2 times "
        "2.",
        392,
    )
    top = 64
    heads = {"image 6 × 6": 24, "kernel 3 × 3": 276, "result 4 × 4": 424, "max pooled": 604}
    lefts, tops = list(heads.values()), (top, top + 54, top + 36, top + 72)
    for (head, left), table, y in zip(heads.items(), (IMAGE, KERNEL, result, pooled), tops, strict=True):
        card.text(left + table.shape[1] * CELL / 2, 36, head, SMALL, "middle", bold=True)
        _grid(card, left, y, table, KERNEL if table is KERNEL else None)
    row, column = PLACE
    card.rect(
        lefts[0] + column * CELL,
        top + row * CELL,
        3 * CELL,
        3 * CELL,
        fill="none",
        stroke=shade(AMBER, 0.8),
        stroke_width=4,
    )
    card.rect(lefts[1], tops[1], 3 * CELL, 3 * CELL, fill="none", stroke=shade(AMBER, 0.8), stroke_width=4)
    card.rect(lefts[2], tops[2], 2 * CELL, 2 * CELL, fill="none", stroke=GREEN, stroke_width=4)
    card.rect(
        lefts[2] + column * CELL,
        tops[2] + row * CELL,
        CELL,
        CELL,
        fill="none",
        stroke=shade(AMBER, 0.8),
        stroke_width=4,
    )
    card.rect(lefts[3], tops[3], CELL, CELL, fill="none", stroke=GREEN, stroke_width=4)
    middle = top + 3 * CELL
    card.text(258, middle + 6, "*", 22, "middle", bold=True)
    card.text(404, middle + 6, "=", 22, "middle", bold=True)
    card.arrow((574, middle), (598, middle))
    _sum(card, top + 6 * CELL + 42)
    return card


def convolved() -> np.ndarray:
    """The kernel's sum of products in each place, without turning the kernel, as networks do it."""
    places = np.lib.stride_tricks.sliding_window_view(IMAGE, KERNEL.shape)
    return np.sum(places * KERNEL, axis=(2, 3))


def pooling(image: np.ndarray) -> np.ndarray:
    """The largest of each 2 x 2 block."""
    return image.reshape(2, 2, 2, 2).max(axis=(1, 3))


def _grid(card: Drawing, left: float, top: float, table: np.ndarray, kernel: np.ndarray | None) -> None:
    largest = np.abs(table).max()
    for (row, column), value in np.ndenumerate(table):
        colour = W if value >= 0 else "#D55E00"
        x, y = left + column * CELL, top + row * CELL
        card.rect(x, y, CELL, CELL, fill=tint(colour, 0.75 * abs(value) / largest), stroke="#c9c9c5")
        ink = "#ffffff" if abs(value) / largest > 0.8 else INK
        card.text(x + CELL / 2, y + CELL / 2 + 5.5, str(value).replace("-", "−"), SMALL, "middle", ink)


def _sum(card: Drawing, y: float) -> None:
    row, column = PLACE
    patch = IMAGE[row : row + 3, column : column + 3]
    parts = [
        " + ".join(f"{p}·({k})" if k < 0 else f"{p}·{k}" for p, k in zip(a, b, strict=True))
        for a, b in zip(patch, KERNEL, strict=True)
    ]
    card.text(24, y, "one place:", SMALL, colour=shade(AMBER, 0.55), bold=True)
    for line, part in enumerate(parts):
        mark = f" = {np.sum(patch * KERNEL)}" if line == 2 else " +"
        card.text(128, y + 24 * line, part.replace("-", "−") + mark, SMALL)
    card.text(424, y, "largest of four:", SMALL, colour=shade(GREEN, 0.75), bold=True)
    block = convolved()[:2, :2].ravel()
    said = ", ".join(str(value) for value in block).replace("-", "−")
    card.text(424, y + 24, f"max({said}) = {block.max()}", SMALL)
    card.text(424, y + 48, "This kernel finds upright lines.", SMALL)
