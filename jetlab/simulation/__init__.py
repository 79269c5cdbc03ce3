"""Simulated jets: Pythia 8, pile-up, detectors, FastJet. Here those of the CMS 2011 schema, others in two modules.

`crossings` makes collisions without pile-up, and what is to be laid over them later.

The order of the modules is the order of the data: generator -> pile_up -> detector -> reconstruction -> chunk ->
correction -> merging -> production (one file). `farm` makes chunks in parallel, for any sample; `flavour` and `dijets`
are samples of their own.
"""

from jetlab.simulation.crossings import simulate_pile_up
from jetlab.simulation.dijets import simulate_dijets
from jetlab.simulation.farm import SimulationError
from jetlab.simulation.flavour import simulate_flavour
from jetlab.simulation.production import simulate_jets

__all__ = ["SimulationError", "simulate_dijets", "simulate_flavour", "simulate_jets", "simulate_pile_up"]
