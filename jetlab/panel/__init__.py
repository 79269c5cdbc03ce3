"""Widgets: the live panels, and sliders over any plot. The only room that knows ipywidgets."""

from jetlab.panel.clouds import CloudPanel
from jetlab.panel.decorrelation import DecorrelationPanel
from jetlab.panel.flavour import FlavourPanel
from jetlab.panel.flows import FlowPanel
from jetlab.panel.guess import Guess
from jetlab.panel.jes import JesPanel
from jetlab.panel.pile_up import PileUpPanel
from jetlab.panel.runs import Goal
from jetlab.panel.scan import ScanPanel
from jetlab.panel.sliders import Sliders
from jetlab.panel.ticks import FeaturesPanel
from jetlab.panel.tracking import TrackingPanel
from jetlab.panel.training import TrainingPanel

__all__ = [
    "CloudPanel",
    "DecorrelationPanel",
    "FeaturesPanel",
    "FlavourPanel",
    "FlowPanel",
    "Goal",
    "Guess",
    "JesPanel",
    "PileUpPanel",
    "ScanPanel",
    "Sliders",
    "TrackingPanel",
    "TrainingPanel",
]
