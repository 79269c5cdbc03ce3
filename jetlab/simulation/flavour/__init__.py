"""Simulated jets for flavour tagging at 13 TeV: top pairs and a Z', pile-up, an ATLAS-like tracker, vertices.

The order of the modules is the order of the data: events -> jets -> tracker -> (impact, vertices, chain) -> chunk ->
production (one file).
"""

from jetlab.simulation.flavour.production import simulate_flavour

__all__ = ["simulate_flavour"]
