"""Simulated jets in the CMS 2011 schema: Pythia 8, pile-up, a CMS-like detector, FastJet.

The order of the modules is the order of the data: generator -> detector -> reconstruction -> events (one chunk) ->
correction -> production (all chunks, one file).
"""

from jetlab.simulation.production import SimulationError, simulate_jets

__all__ = ["SimulationError", "simulate_jets"]
