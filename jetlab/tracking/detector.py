"""The RAMP 2017 toy detector: nine cylinders, of which only the x-y plane is seen, and how a particle bends in it.

Numbers and names are those of the HEP_tracking challenge, the hackathon of Connecting The Dots 2017
(S. Amrouche et al., EPJ Web Conf. 150 (2017) 00015, AIDA-2020-CONF-2017-002).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Radius of each layer, mm.
RADII = np.array([39.0, 85.0, 155.0, 213.0, 271.0, 405.0, 562.0, 762.0, 1000.0])
#: Cells around each layer: a pitch of 25 micrometres up to the fifth layer, 50 further out.
CELLS = np.array([9802, 21363, 38956, 53533, 68110, 50894, 70624, 95756, 125664])
LAYERS = len(RADII)
#: Radius of curvature in mm times this is the transverse momentum in MeV (a field of 1 T).
MEV_PER_MM = 0.3
PT_RANGE = (300.0, 10_000.0)
#: Standard deviation of the vertex in x and in y, mm.
VERTEX = 2 / 3
#: Standard deviation of the scattering angle in a layer (2 % of a radiation length) times momentum, radians MeV.
SCATTERING = 13.6 * np.sqrt(0.02)
LOST, STOPPED = 0.03, 0.01


def cell_phi(layer: ArrayLike, iphi: ArrayLike) -> Floats:
    """Azimuth in [0, 2 pi) of cells `iphi` of layers `layer`, both integers (n,)."""
    phi: Floats = 2 * np.pi * np.asarray(iphi) / CELLS[np.asarray(layer)]
    return phi


def nearest_cell(layer: ArrayLike, phi: ArrayLike) -> NDArray[np.int64]:
    """Number of the cell nearest to azimuth `phi` (n,), radians, in layers `layer` (n,)."""
    cells = CELLS[np.asarray(layer)]
    cell: NDArray[np.int64] = np.rint(np.asarray(phi) / (2 * np.pi) * cells).astype(np.int64) % cells
    return cell


def propagate(
    x: ArrayLike, y: ArrayLike, direction: ArrayLike, curvature: ArrayLike, radius: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Follow circles outwards to a larger radius, exactly, straight lines (curvature 0) included.

    Start points in mm, direction of flight in radians, curvature in 1/mm (positive turns to the left) and radius in mm
    broadcast to one shape. Returns x, y and direction there, NaN where the circle turns back before.
    """
    x, y, direction, curvature, radius = (np.asarray(v, np.float64) for v in (x, y, direction, curvature, radius))
    along_x, along_y = np.cos(direction), np.sin(direction)
    outward = x * along_x + y * along_y
    missing = radius**2 - x**2 - y**2
    # Solved for u = tan(turning angle / 2) / curvature, which stays finite for straight lines.
    bend = 1 + curvature * (y * along_x - x * along_y) - curvature**2 * missing / 4
    square = outward**2 + bend * missing
    root = np.sqrt(np.where(square < 0, np.nan, square))
    u = missing / 2 / (outward + root)
    step = 2 * u / (1 + (curvature * u) ** 2)
    side = step * curvature * u
    return (
        x + step * along_x - side * along_y,
        y + step * along_y + side * along_x,
        direction + 2 * np.arctan(curvature * u),
    )
