"""Build task M1.B1: a function that gives each track of an event its nearest jet."""

import numpy as np
import pytest

from jetlab.check import m1, tasks


def vectorised(track_eta, track_phi, jet_eta, jet_phi):
    dphi = track_phi[:, None] - jet_phi[None, :]
    dphi = (dphi + np.pi) % (2 * np.pi) - np.pi
    dr = np.hypot(track_eta[:, None] - jet_eta[None, :], dphi)
    return np.where(dr.min(axis=1) < 0.7, dr.argmin(axis=1), -1)


def in_loops(track_eta, track_phi, jet_eta, jet_phi):
    """Another way, in plain Python."""
    found = []
    for eta, phi in zip(track_eta, track_phi, strict=True):
        best, nearest = 0.49, -1
        for number, (jet, azimuth) in enumerate(zip(jet_eta, jet_phi, strict=True)):
            dphi = abs(phi - azimuth)
            squared = (eta - jet) ** 2 + min(dphi, 2 * np.pi - dphi) ** 2
            if squared < best:
                best, nearest = squared, number
        found.append(nearest)
    return found


@pytest.mark.parametrize("way", [vectorised, in_loops])
def test_both_ways_reach_the_target(way):
    report = tasks.judge("M1.B1", way)
    assert report.said == tasks.REACHED
    assert report.figures["events"] == "300"


def test_events_are_new_each_time_and_have_what_the_task_is_about():
    one, other = m1.new_events(), m1.new_events()
    assert not np.array_equal(one[0].track_eta, other[0].track_eta)
    assert {len(event.jet_eta) for event in one} == {1, 2, 3, 4}
    right = [vectorised(*event) for event in one]
    for wrong in m1.MISTAKES.values():
        assert any(not np.array_equal(wrong(event), found) for event, found in zip(one, right, strict=True))


def distances(track_eta, track_phi, jet_eta, jet_phi, wrapped=True):
    dphi = track_phi[:, None] - jet_phi[None, :]
    dphi = (dphi + np.pi) % (2 * np.pi) - np.pi if wrapped else dphi
    return np.hypot(track_eta[:, None] - jet_eta[None, :], dphi)


def no_angle(*event):
    dr = distances(*event, wrapped=False)
    return np.where(dr.min(axis=1) < 0.7, dr.argmin(axis=1), -1)


def squared(*event):
    dr2 = distances(*event) ** 2
    return np.where(dr2.min(axis=1) < 0.7, dr2.argmin(axis=1), -1)


def first(*event):
    near = distances(*event) < 0.7
    return np.where(near.any(axis=1), near.argmax(axis=1), -1)


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (no_angle, "two sides of φ = π"),
        (squared, "you compare ΔR² with 0.7"),
        (first, "the nearest, not the first"),
        (lambda *event: distances(*event).argmin(axis=1), "belong to none"),
        (lambda *event: np.zeros(len(event[0])), "same answer"),
        (lambda *event: np.full(len(event[0]), -1), "same answer"),
        (lambda *event: distances(*event).min(axis=1), "a position is a whole number"),
        (lambda *event: vectorised(*event) + 1, "belongs to"),
        (lambda *event: vectorised(*event)[:-1], "one number per track"),
        (lambda *event: distances(*event), "one number per track"),
        (lambda *event: np.full(len(event[0]), np.nan), "whole number"),
        (lambda *event: None, "returns"),
        (lambda track_eta, track_phi: 0, "raised TypeError"),
        (np.zeros(3), "give the function itself"),
        ("match", "give the function itself"),
    ],
)
def test_wrong_and_lazy_answers(built, hint):
    report = tasks.judge("M1.B1", built)
    assert report.said.startswith("hint: ")
    assert hint in report.said


def test_a_function_that_changes_its_arrays_changes_no_events():
    def spoiling(track_eta, track_phi, jet_eta, jet_phi):
        found = vectorised(track_eta, track_phi, jet_eta, jet_phi)
        track_eta[:] = jet_eta[:] = 0
        return found

    assert tasks.judge("M1.B1", spoiling).said == tasks.REACHED
