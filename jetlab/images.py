"""Jet images: candidates turned, flipped and filled into pixels, one pure function for each step.

The order matters: centre, rotate, flip, zoom, crop, pixelate, normalise, one after the other. A flip decided before the
rotation, or a centre not weighted by pt, spoils what the steps are for (arXiv:1511.05190, 1612.01551).
"""

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetlab import jets
from jetlab.errors import ArgumentError
from jetlab.io.sample import JetSample

#: Particle-flow classes that may have a channel of their own, in the order of the channels.
CLASSES = ("charged hadrons", "neutral hadrons", "photons", "leptons")
SUBJET_RADIUS = 0.3


def centre(sample: JetSample) -> ak.Array:
    """Candidates relative to their pt-weighted centre: records of pt [GeV], x (eta), y (phi, wrapped), class.

    Shape (n_jets, var). `class` counts into CLASSES; samples without ids have none. Raises MissingColumnError.
    """
    constituents = jets.constituents(sample)
    counts = ak.to_numpy(ak.num(constituents))
    flat = ak.flatten(constituents)
    pt, x, y = (ak.to_numpy(flat[name]).astype(np.float64) for name in ("pt", "deta", "dphi"))
    of_jet = _owner(counts)
    total = _sum(pt, of_jet, len(counts))
    x, y = (values - (_sum(pt * values, of_jet, len(counts)) / total)[of_jet] for values in (x, y))
    columns = {"pt": pt, "x": x, "y": y}
    if "id_class" in flat.fields:
        columns["class"] = _class(ak.to_numpy(flat["id_class"]), ak.to_numpy(flat["charge"]))
    return ak.unflatten(ak.zip(columns), counts)


def rotate(candidates: ak.Array, by: str = "principal") -> ak.Array:
    """Turn each jet about its centre until its direction stands upright.

    The direction is the axis of largest pt-weighted spread ("principal"), or the line from the second to the first
    subjet ("subjets"): the pt-weighted centre of what lies within 0.3 of the hardest candidate, and the same again
    among the rest. A jet with one subjet is turned by its principal axis; one candidate alone stays as it is. Raises
    ArgumentError.
    """
    counts, (pt, x, y) = _flat(candidates)
    if by == "principal":
        angle = _principal_angle(pt, x, y, counts)
    elif by == "subjets":
        angle = _subjet_angle(pt, x, y, counts)
    else:
        raise ArgumentError(f"by is {by!r}; jets are rotated by 'principal' axis or by 'subjets'.")
    turn = (np.pi / 2 - angle)[_owner(counts)]
    cos, sin = np.cos(turn), np.sin(turn)
    return _moved(candidates, x * cos - y * sin, x * sin + y * cos)


def flip(candidates: ak.Array) -> ak.Array:
    """Mirror each jet so that more pt lies right and above its centre; to be done after the rotation."""
    counts, (pt, x, y) = _flat(candidates)
    of_jet = _owner(counts)
    # A lone second subjet lies on the axis but for rounding: it must not decide.
    sides = (np.where(np.abs(v) < 1e-9, 0, np.sign(v)) for v in (x, y))
    x, y = (
        v * np.where(_sum(pt * side, of_jet, len(counts)) < 0, -1, 1)[of_jet]
        for v, side in zip((x, y), sides, strict=True)
    )
    return _moved(candidates, x, y)


def zoom(candidates: ak.Array, pt: NDArray[Any], reference: float = 300.0) -> ak.Array:
    """Stretch each jet by its pt (n_jets,) [GeV] over a reference pt, which is then the scale of the image.

    The prongs of a decay of mass m stand about 2 m / pt apart, so zoomed they stand 2 m / reference apart whatever the
    pt (arXiv:1609.00607): right for a tagger that should find a mass in normalised images. Raises
    ArgumentError.
    """
    if not reference > 0:
        raise ArgumentError(f"reference is {reference} GeV; it must be above 0.")
    counts, (_, x, y) = _flat(candidates)
    factor = (np.asarray(pt, np.float64) / reference)[_owner(counts)]
    return _moved(candidates, x * factor, y * factor)


def crop(candidates: ak.Array, width: float = 1.4) -> ak.Array:
    """Leave out what lies outside a square of this width (in eta and phi) about the centre.

    `pixelate` of the same width cuts the same; apart, it shows what is lost. Raises ArgumentError.
    """
    if not width > 0:
        raise ArgumentError(f"width is {width}; a square needs a width above 0.")
    inside = [(candidates[name] >= -width / 2) & (candidates[name] < width / 2) for name in ("x", "y")]
    return candidates[inside[0] & inside[1]]


def pixelate(
    candidates: ak.Array, size: int = 33, width: float = 1.4, classes: bool = False, multiplicity: bool = False
) -> NDArray[np.float32]:
    """Fill candidates into images of size x size pixels that are `width` wide in eta and phi; what lies outside is cut.

    Returns float32 (n_jets, size, size, channels), rows from low to high y: the pt [GeV] in each pixel, and with
    `multiplicity` also the number of candidates; with `classes` one channel for each of CLASSES instead of one for
    all. The pt channels come first. Raises ArgumentError for impossible sizes, or for classes that are not known.
    """
    if size < 1 or not width > 0:
        raise ArgumentError(f"size is {size} and width {width}; an image needs at least one pixel and a width above 0.")
    if classes and "class" not in candidates.fields:
        raise ArgumentError("The candidates of this sample have no ids, so no classes: leave classes=True out.")
    counts, (pt, x, y) = _flat(candidates)
    column, row = (np.floor((values / width + 0.5) * size).astype(np.int64) for values in (x, y))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    kinds = len(CLASSES) if classes else 1
    kind = ak.to_numpy(ak.flatten(candidates["class"])) if classes else np.zeros(len(pt), np.int64)
    channels = kinds * (1 + multiplicity)
    place = ((_owner(counts) * size + row) * size + column) * channels + kind
    # Images are mostly empty: only the filled pixels are summed and written, the rest is never touched.
    filled, of_pixel = np.unique(place[inside], return_inverse=True)
    images = np.zeros((len(counts), size, size, channels), np.float32)
    images.reshape(-1)[filled] = np.bincount(of_pixel, pt[inside], minlength=len(filled))
    if multiplicity:
        images.reshape(-1)[filled + kinds] = np.bincount(of_pixel, minlength=len(filled))
    return images


def normalise(images: NDArray[np.float32], by: str = "sum") -> NDArray[np.float32]:
    """Divide each image by the sum over its pixels and channels ("sum"), or its largest pixel ("max"); float32.

    This takes the jet's pt out of the image: right for a tagger, fatal for an energy scale. Empty images stay empty.
    Raises ArgumentError.
    """
    if by not in ("sum", "max"):
        raise ArgumentError(f"by is {by!r}; images are normalised by 'sum' or by 'max'.")
    scale = images.sum(axis=(1, 2, 3)) if by == "sum" else images.max(axis=(1, 2, 3))
    return images / np.where(scale > 0, scale, 1).astype(np.float32)[:, None, None, None]


def _flat(candidates: ak.Array) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    flat = ak.flatten(candidates)
    return ak.to_numpy(ak.num(candidates)), [ak.to_numpy(flat[name]) for name in ("pt", "x", "y")]


def _moved(candidates: ak.Array, x: NDArray[Any], y: NDArray[Any]) -> ak.Array:
    flat = ak.flatten(candidates)
    columns = {name: flat[name] for name in flat.fields} | {"x": x, "y": y}
    return ak.unflatten(ak.zip(columns), ak.num(candidates))


def _owner(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(counts)), counts)


def _sum(values: NDArray[Any], of_jet: NDArray[np.int64], n_jets: int) -> NDArray[np.float64]:
    # NumPy's types take these sums for whole numbers.
    sums: NDArray[Any] = np.bincount(of_jet, values, minlength=n_jets)
    return sums


def _class(id_class: NDArray[Any], charge: NDArray[Any]) -> NDArray[np.int64]:
    """Position in CLASSES of `jets.id_class`; ids of no known class count as hadrons, by their charge."""
    known = np.array([0, 0, 1, 2, 3, 3, 0])[id_class]
    return np.where((id_class > len(jets.CLASSES)) & (charge == 0), 1, known)


def _principal_angle(
    pt: NDArray[Any], x: NDArray[Any], y: NDArray[Any], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    of_jet, n = _owner(counts), len(counts)
    xx, yy, xy = (_sum(pt * a * b, of_jet, n) for a, b in ((x, x), (y, y), (x, y)))
    return np.where(xx + yy > 0, np.arctan2(2 * xy, xx - yy) / 2, np.pi / 2)


def _subjet_angle(pt: NDArray[Any], x: NDArray[Any], y: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    of_jet, n = _owner(counts), len(counts)
    first_x, first_y, rest = _subjet(pt, x, y, of_jet, n)
    second_x, second_y, _ = _subjet(np.where(rest, pt, 0), x, y, of_jet, n)
    found = _sum(np.where(rest, pt, 0), of_jet, n) > 0
    angle = np.arctan2(first_y - second_y, first_x - second_x)
    return np.where(found, angle, _principal_angle(pt, x, y, counts))


def _subjet(
    pt: NDArray[Any], x: NDArray[Any], y: NDArray[Any], of_jet: NDArray[np.int64], n_jets: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Centre of what lies around the hardest candidate, and which candidates with pt lie elsewhere."""
    hardest = np.lexsort((-pt, of_jet))[np.searchsorted(of_jet, np.arange(n_jets))]
    near = np.hypot(x - x[hardest][of_jet], y - y[hardest][of_jet]) < SUBJET_RADIUS
    total = np.maximum(_sum(pt * near, of_jet, n_jets), 1e-12)
    return _sum(pt * near * x, of_jet, n_jets) / total, _sum(pt * near * y, of_jet, n_jets) / total, ~near & (pt > 0)
