"""Pile-up: collisions of the same bunch crossing, drawn from a pool of minimum-bias events."""

import numpy as np

from jetlab.angles import wrap
from jetlab.simulation.generator import MINIMUM_BIAS, Array, Generator, Particles, Process, concatenate
from jetlab.simulation.parameters import CMS


def minimum_bias_pool(n_events: int, seed: int, process: Process = MINIMUM_BIAS) -> Particles:
    """Visible particles of minimum-bias collisions, sorted by event."""
    (collisions,) = Generator(process, seed).batches(n_events, size=n_events)
    particles = collisions.particles
    return particles.take(np.abs(particles.eta) < CMS.max_eta)


def overlay(
    hard: Particles, n: int, pool: Particles, mean: float, beam_spot_z: float, rng: np.random.Generator
) -> tuple[Particles, Array, Array]:
    """The particles of `n` hard collisions with pile-up from the pool, each rotated in phi and mirrored at random.

    `mean` is that of the pile-up collisions of an event, `beam_spot_z` the rms of vertices along the beam, mm. Also
    returns each particle's vertex position along the beam relative to the hard collision, mm, and the number of pile-up
    collisions of each event.
    """
    count = rng.poisson(mean, n)
    event = np.repeat(np.arange(n), count)
    vertex = np.arange(len(event)) - np.repeat(np.cumsum(count) - count, count) + 1
    pool_events = pool.event[-1] + 1
    pick = rng.integers(0, pool_events, len(event))
    turn, mirror = rng.uniform(-np.pi, np.pi, len(event)), rng.choice([-1.0, 1.0], len(event))
    z = rng.normal(0, beam_spot_z, len(event)) - rng.normal(0, beam_spot_z, n)[event]

    first = np.searchsorted(pool.event, np.arange(pool_events + 1))
    length = np.diff(first)[pick]
    collision = np.repeat(np.arange(len(event)), length)
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    p = pool.take(first[pick][collision] + within)
    cos, sin = np.cos(turn)[collision], np.sin(turn)[collision]
    pile_up = p.with_(
        event=event[collision],
        vertex=vertex[collision],
        phi=wrap(p.phi + turn[collision]),
        eta=p.eta * mirror[collision],
        x=p.x * cos - p.y * sin,
        y=p.x * sin + p.y * cos,
        z=p.z * mirror[collision],
    )
    return concatenate([hard, pile_up]), np.concatenate([np.zeros(len(hard)), z[collision]]), count
