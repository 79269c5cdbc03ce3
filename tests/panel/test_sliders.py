"""Sliders call the drawing with their values, show its picture, and show its errors."""

import base64

import ipywidgets as widgets
import pytest

from jetlab.panel.sliders import Sliders
from tests.panel.by_label import texts

PNG = b"\x89PNG"


def test_moving_a_slider_draws_with_the_new_values():
    seen = []
    shown = Sliders(lambda ax, **values: seen.append(values), degree=(1, 9, 3), rate=(0.0, 1.0, 0.5))
    shown.sliders["degree"].value = 7
    assert seen == [{"degree": 3, "rate": 0.5}, {"degree": 7, "rate": 0.5}]
    assert shown.values == {"degree": 7, "rate": 0.5}


def test_picture_changes_and_stands_in_for_the_widget():
    shown = Sliders(lambda ax, slope: ax.plot([0, 1], [0, slope]), slope=(1, 3, 1))
    before = shown._repr_mimebundle_()
    shown.sliders["slope"].value = 2
    after = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in after
    assert base64.b64decode(after["image/png"]).startswith(PNG)
    assert before["image/png"] != after["image/png"]


def test_kinds_of_sliders():
    shown = Sliders(lambda ax, **_: None, n_steps=(0, 5, 0), rate=(0.0, 2, 1), width=4, size=([1, 8, 64], 8))
    assert [type(slider) for slider in shown.sliders.values()] == [
        widgets.IntSlider,
        widgets.FloatSlider,
        widgets.SelectionSlider,
    ]
    assert shown.sliders["rate"].step == pytest.approx(0.02)
    assert shown.sliders["n_steps"].description == "n steps"


def test_several_axes_come_as_a_list():
    counts = []
    Sliders(lambda axes, k: counts.append(len(axes)), ncols=2, k=(1, 2, 1))
    assert counts == [2]


def test_an_error_is_shown_and_the_next_drawing_takes_it_away():
    def draw(ax, k):
        if k == 2:
            raise ZeroDivisionError("1 < 2")

    shown = Sliders(draw, k=(1, 3, 1))
    shown.sliders["k"].value = 2
    assert "ZeroDivisionError: 1 &lt; 2" in texts(shown.widget)
    shown.sliders["k"].value = 3
    assert texts(shown.widget) == ""


def test_play_moves_its_slider():
    shown = Sliders(lambda ax, step: None, play="step", step=(0, 5, 2))
    row = shown.widget.children[0]
    assert isinstance(row.children[0], widgets.Play)
    assert (row.children[0].value, row.children[0].max) == (2, 5)
    assert row.link.target[0] is shown.sliders["step"]


@pytest.mark.parametrize("control", [(0, 1), (0, 1, 2), ([1, 2], 3), ()])
def test_a_control_that_makes_no_sense_is_named(control):
    with pytest.raises(ValueError, match="rate is"):
        Sliders(lambda ax, rate: None, rate=control)


@pytest.mark.parametrize("name", ["rate", "none"])
def test_play_wants_whole_numbers(name):
    with pytest.raises(ValueError, match="play is"):
        Sliders(lambda ax, rate: None, play=name, rate=(0.0, 1.0, 0.5))
