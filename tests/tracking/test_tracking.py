import gzip
from pathlib import Path

import numpy as np
import pytest

from jetlab import cli, tracking
from jetlab.angles import wrap
from jetlab.errors import MemoryFullError
from jetlab.io.sample import DataError
from jetlab.tracking import detector
from jetlab.tracking.detector import CELLS, LAYERS, RADII, propagate
from jetlab.tracking.hits import Hits

LINE = "0,0,0,0,39.0,0.0"


@pytest.fixture(scope="module")
def toy() -> Hits:
    return tracking.simulate(2000, seed=5)


def test_a_circle_through_the_origin_bends_as_the_arcsine() -> None:
    curvature = np.array([1e-3, -1e-3, 3e-5, 0.0])
    for radius in RADII:
        x, y, direction = propagate(0, 0, 0.7, curvature, radius)
        np.testing.assert_allclose(np.arctan2(y, x), 0.7 + np.arcsin(curvature * radius / 2), atol=1e-12)
        np.testing.assert_allclose(np.hypot(x, y), radius)
        np.testing.assert_allclose(direction, 0.7 + 2 * np.arcsin(curvature * radius / 2), atol=1e-12)


def test_a_circle_beside_the_origin_keeps_its_centre() -> None:
    x0, y0, direction, curvature = 3.0, -2.0, 2.1, 1 / 700
    centre = x0 - np.sin(direction) / curvature, y0 + np.cos(direction) / curvature
    x, y, after = propagate(x0, y0, direction, curvature, 562.0)
    assert np.hypot(x, y) == pytest.approx(562)
    assert np.hypot(x - centre[0], y - centre[1]) == pytest.approx(700)
    # The direction of flight stays at right angles to the line from the centre.
    assert (x - centre[0]) * np.cos(after) + (y - centre[1]) * np.sin(after) == pytest.approx(0, abs=1e-9)
    once = propagate(*propagate(x0, y0, direction, curvature, 271.0), curvature, 562.0)
    np.testing.assert_allclose(once, (x, y, after))


def test_a_circle_too_small_never_arrives() -> None:
    x, y, direction = propagate(0, 0, 0, 1 / 300, np.array([599.0, 601.0]))
    assert np.isfinite([x[0], y[0], direction[0]]).all()
    assert np.isnan([x[1], y[1], direction[1]]).all()


def test_cells_and_angles() -> None:
    for layer in range(LAYERS):
        cells = np.array([0, 1, CELLS[layer] // 2, CELLS[layer] - 1])
        phi = detector.cell_phi(np.full(4, layer), cells)
        np.testing.assert_array_equal(detector.nearest_cell(layer, phi), cells)
        np.testing.assert_array_equal(detector.nearest_cell(layer, phi - 2 * np.pi), cells)


def test_the_same_seed_gives_the_same_hits() -> None:
    one, two, other = (tracking.simulate(20, seed=seed) for seed in (1, 1, 2))
    for name in ("event", "track", "layer", "iphi", "x", "y", "pt"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert len(one) != len(other) or (one.iphi != other.iphi).any()


def test_how_many_tracks_and_hits(toy: Hits) -> None:
    key = toy.event * 1000 + toy.track
    tracks = len(np.unique(key))
    # A track leaves a hit with 0.97 in a layer that it reaches, and it reaches layer l with 0.99^l.
    expected = 0.97 * 0.99 ** np.arange(LAYERS)
    invisible = tracks / (1 - 0.03 * (0.01 + 0.99 * 0.03 * 0.01))
    error = np.sqrt(expected * (1 - expected) / invisible)
    assert (np.abs(np.bincount(toy.layer) / invisible - expected) < 4 * error).all()
    counts = np.array([len(np.unique(toy.track[part])) for part in toy.slices()])
    assert counts.mean() == pytest.approx(10, abs=4 * np.sqrt(10 / 2000))
    assert counts.var() == pytest.approx(10, rel=0.15)
    assert np.abs(toy.pt).min() > 300
    assert np.abs(toy.pt).max() < 10_000
    assert np.mean(toy.pt > 0) == pytest.approx(0.5, abs=0.03)


def test_hits_lie_in_their_cells_in_random_order(toy: Hits) -> None:
    np.testing.assert_allclose(np.hypot(toy.x, toy.y), RADII[toy.layer])
    np.testing.assert_allclose(wrap(np.arctan2(toy.y, toy.x) - toy.phi), 0, atol=1e-9)
    assert abs(np.corrcoef(toy.layer[toy.starts[0] :], np.arange(len(toy)) - toy.starts[toy.number])[0, 1]) < 0.02


def test_positive_pt_turns_to_the_left() -> None:
    hits = tracking.simulate(200, lost=0, stopped=0, seed=3)
    soft = np.abs(hits.pt) < 600
    inner, outer = (
        {(e, t): p for e, t, p in zip(hits.event[m], hits.track[m], hits.phi[m], strict=True)}
        for m in (soft & (hits.layer == 0), soft & (hits.layer == 8))
    )
    sign = {(e, t): p for e, t, p in zip(hits.event, hits.track, np.sign(hits.pt), strict=True)}
    turns = np.array([wrap(outer[key] - inner[key]) * sign[key] for key in outer])
    assert len(turns) > 20
    assert (turns > 0.2).all()


def test_without_losses_each_track_has_nine_hits() -> None:
    hits = tracking.simulate(50, lost=0, stopped=0)
    assert (np.unique(hits.event * 1000 + hits.track, return_counts=True)[1] == 9).all()
    assert set(tracking.simulate(50, lost=0, stopped=1).layer) == {0}


def test_scattering_is_as_wide_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "VERTEX", 0.0)
    monkeypatch.setattr(detector, "PT_RANGE", (1000.0, 1000.1))
    hits = tracking.simulate(500, lost=0, stopped=0)
    order = np.lexsort((hits.layer, hits.track, hits.event))
    phi, pt = hits.phi[order].reshape(-1, 9), hits.pt[order].reshape(-1, 9)[:, 0]
    circle = [np.arcsin(0.3 / pt * RADII[layer] / 2) for layer in (0, 1)]
    away = wrap(phi[:, 1] - circle[1] - phi[:, 0] + circle[0])
    # A kink in layer 0 moves the hit in layer 1 by its angle times the distance between them.
    kink = 13.6 * np.sqrt(0.02) / 1000 * (RADII[1] - RADII[0]) / RADII[1]
    cells = [2 * np.pi / CELLS[layer] / np.sqrt(12) for layer in (0, 1)]
    assert away.std() == pytest.approx(np.sqrt(kink**2 + cells[0] ** 2 + cells[1] ** 2), rel=0.05)
    assert abs(away.mean()) < 4 * away.std() / np.sqrt(len(away))


def test_noise_and_shared_cells() -> None:
    noisy = tracking.simulate(300, noise=2.0)
    noise = noisy.track == -1
    assert noise.sum() == pytest.approx(300 * 9 * 2, abs=4 * np.sqrt(300 * 9 * 2))
    assert np.isnan(noisy.pt[noise]).all()
    assert not np.isnan(noisy.pt[~noise]).any()
    crowd = tracking.simulate(3, 2000, merge=True)
    cells = np.column_stack([crowd.event, crowd.layer, crowd.iphi])
    assert len(np.unique(cells, axis=0)) == len(crowd)
    assert len(crowd) < len(tracking.simulate(3, 2000))


@pytest.mark.parametrize("events", [1, 5000])
def test_all_tracks_of_all_events_are_followed_at_once(events: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def counting(*track: np.ndarray) -> tuple[np.ndarray, ...]:
        steps.append(len(track[0]))
        return propagate(*track)

    monkeypatch.setattr(detector, "propagate", counting)
    hits = tracking.simulate(events, seed=2)
    assert hits.events == events
    assert len(steps) == LAYERS, "one step for each layer, not for each event"
    assert len(set(steps)) == 1


def test_impossible_events_are_refused(subtests: pytest.Subtests) -> None:
    for options, message in [
        ({"events": 0}, "events is 0"),
        ({"events": 1, "multiplicity": -1}, "multiplicity is -1"),
        ({"events": 1, "noise": np.nan}, "noise is nan"),
        ({"events": 1, "lost": 1.5}, "lost is 1.5"),
        ({"events": 1, "stopped": -0.1}, "stopped is -0.1"),
    ]:
        with subtests.test(options=options, message=message):
            with pytest.raises(ValueError, match=message):
                tracking.simulate(**options)


def test_hits_are_picked_by_event() -> None:
    hits = tracking.simulate(5, seed=2)
    part = hits.first(2, skip=1)
    np.testing.assert_array_equal(np.unique(part.event), [1, 2])
    assert [len(hits[piece]) for piece in hits.slices()] == np.bincount(hits.number).tolist()
    assert len(hits.first(9)) == len(hits)
    assert repr(part) == f"<Hits: {len(part)} hits in 2 events>"
    with pytest.raises(ValueError, match="not in one piece"):
        hits[np.r_[0, len(hits) - 1, 1]]
    with pytest.raises(ValueError, match="different lengths"):
        Hits(hits.event, hits.track[1:], hits.layer, hits.iphi, hits.x, hits.y, hits.pt)


@pytest.mark.parametrize("name", ["hits.csv", "hits.csv.gz"])
def test_csv_round_trip(name: str, tmp_path: Path) -> None:
    hits = tracking.simulate(20, noise=1, seed=4)
    tracking.write_csv(hits, tmp_path / name)
    again = tracking.read_csv(tmp_path / name)
    for column in ("event", "track", "layer", "iphi"):
        np.testing.assert_array_equal(getattr(again, column), getattr(hits, column))
    np.testing.assert_allclose(again.x, hits.x, atol=1e-4)
    np.testing.assert_allclose(again.pt, hits.pt, atol=0.06)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    first = (tmp_path / name).read_bytes()
    tracking.write_csv(hits, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_real_slice(real_data: Path) -> None:
    hits = tracking.read_csv(real_data / "ramp_hep_tracking_train.csv")
    assert (len(hits), hits.events) == (695, 9)
    assert len(np.unique(hits.number * 1000 + hits.track)) == 83
    np.testing.assert_allclose(np.hypot(hits.x, hits.y), RADII[hits.layer], atol=1e-6)
    np.testing.assert_allclose(wrap(np.arctan2(hits.y, hits.x) - hits.phi), 0, atol=1e-6)
    assert np.isnan(hits.pt).all()


def write(folder: Path, text: str) -> Path:
    path = folder / "bad.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_of_the_challenge(end: str, tmp_path: Path) -> None:
    """In the form of RAMP's own files: events not in order, no pt, x and y with twelve digits."""
    cells = [(4, 8, 2, 7830), (4, 4, 5, 42052), (1, 0, 0, 0), (4, 8, 8, 125663), (1, 0, 1, 21362)]
    lines = ["event_id,cluster_id,layer,iphi,x,y"]
    for event, track, layer, iphi in cells:
        phi = 2 * np.pi * iphi / CELLS[layer]
        lines.append(
            f"{event},{track},{layer},{iphi},{RADII[layer] * np.cos(phi):.12g},{RADII[layer] * np.sin(phi):.12g}"
        )
    path = tmp_path / "train.csv"
    path.write_bytes(end.join([*lines, ""]).encode())
    hits = tracking.read_csv(path)
    assert (len(hits), hits.events) == (5, 2)
    np.testing.assert_array_equal(hits.event, [4, 4, 4, 1, 1])
    np.testing.assert_array_equal(hits.track, [8, 4, 8, 0, 0])
    np.testing.assert_array_equal(hits.iphi, [7830, 42052, 125663, 0, 21362])
    np.testing.assert_allclose(wrap(np.arctan2(hits.y, hits.x) - hits.phi), 0, atol=1e-9)
    assert np.isnan(hits.pt).all()


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = f"\nevent_id,cluster_id,layer,iphi,x,y\n\n\n{LINE}\n\n0,1,9,0,39,0\n"
    with pytest.raises(DataError, match="layer is 9 in line 7;"):
        tracking.read_csv(write(tmp_path, text))
    with pytest.raises(DataError, match="line 7 has 2 values"):
        tracking.read_csv(write(tmp_path, text.replace("0,1,9,0,39,0", "0,1")))


def test_hits_too_many_for_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("jetlab.tracking.io.csv.reader", exhausted)
    with pytest.raises(MemoryFullError, match=r"fewer jets, events or columns than .*bad\.csv"):
        tracking.read_csv(write(tmp_path, LINE))


def test_bad_csv_is_refused(subtests: pytest.Subtests, tmp_path: Path) -> None:
    for change, message in [
        (lambda t: "", "is empty"),
        (lambda t: t.split("\n")[0], "holds no hits, only a header"),
        (lambda t: "\n\n", "holds no hits, not even a header"),
        (lambda t: t.replace("layer", "plane"), "has no column layer: a file of hits has event_id"),
        (lambda t: t + "\n0,1,2", "line 3 has 3 values, the header 6: is it cut short"),
        (lambda t: t + "\n0,1,zero,0,39,0", "not a number"),
        (lambda t: t + "\n0,1,nan,0,39,0", "layer is nan in line 3: repair or drop that hit"),
        (lambda t: t + "\n0,1,0.5,0,39,0", "layer is 0.5 in line 3, but must be a whole number"),
        (lambda t: t + "\n0,1,9,0,39,0", "layer is 9 in line 3; there are layers 0 to 8"),
        (lambda t: t + "\n0,1,0,9802,39,0", "iphi is 9802 in line 3; that layer has cells 0 to 9801"),
        (lambda t: t + "\n0,-2,0,0,39,0", "cluster_id is -2 in line 3; tracks are numbered from 0"),
        (
            lambda t: t + "\n0,1,0,0,3.9,0",
            "from the centre of their cell is 35.1 in line 3: the file is of another detector",
        ),
    ]:
        with subtests.test(message=message):
            path = write(tmp_path, change(f"event_id,cluster_id,layer,iphi,x,y\n{LINE}"))
            with pytest.raises(DataError, match=message) as error:
                tracking.read_csv(path)
            assert str(path) in str(error.value)


def test_events_in_pieces_are_put_together(tmp_path: Path) -> None:
    rows = ["event_id,cluster_id,layer,iphi,x,y,comment", "7,0,0,0,39,0,5", "3,1,0,0,39,0,5", "7,2,1,0,85,0,5"]
    hits = tracking.read_csv(write(tmp_path, "\n".join(rows)))
    np.testing.assert_array_equal(hits.event, [7, 7, 3])
    np.testing.assert_array_equal(hits.track, [0, 2, 1])


def test_a_torn_archive_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "hits.csv.gz"
    path.write_bytes(gzip.compress(b"event_id" * 1000)[:40])
    with pytest.raises(DataError, match="cannot be read as CSV"):
        tracking.read_csv(path)
    # Not cut short, but spoilt in the middle.
    numbers = np.random.default_rng(1).integers(0, 9, 1000)
    content = gzip.compress(",".join(map(str, numbers)).encode())
    path.write_bytes(content[:100] + b"\xff" * 40 + content[140:])
    with pytest.raises(DataError, match="cannot be read as CSV"):
        tracking.read_csv(path)
    with pytest.raises(DataError, match="does not exist"):
        tracking.read_csv(tmp_path / "none.csv")


def test_missing_hits_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("jetlab.shipped.DATA", tmp_path)
    monkeypatch.delenv("JETLAB_DATA", raising=False)
    with pytest.raises(DataError, match=r"hits\.csv\.gz is missing: .*, or make it: `jetlab simulate hits"):
        tracking.load()


def test_shipped_hits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path) -> None:
    assert (repository / "data" / "hits.csv.gz").stat().st_size < 4e6
    hits = tracking.load()
    assert hits.events == 1000
    made = tracking.simulate(1000, seed=2017)
    # Another processor's arctangent may see a hit in the next cell.
    assert np.mean(hits.iphi == made.iphi) > 0.9999
    monkeypatch.setenv("JETLAB_DATA", str(tmp_path))
    tracking.write_csv(made.first(3), tmp_path / "hits.csv.gz")
    assert tracking.load().events == 3


def test_the_command_makes_the_same_events(tmp_path: Path) -> None:
    words = ["simulate", "hits", "--events", "4", "--seed", "3", "--multiplicity", "6"]
    assert cli.main([*words, "--output", str(tmp_path / "h.csv")]) == 0
    made = tracking.simulate(4, 6, seed=3)
    np.testing.assert_array_equal(tracking.read_csv(tmp_path / "h.csv").iphi, made.iphi)
