"""Every number of the parametrised detector, named once, with its unit and source.

Tracking arXiv:1405.6569 · particle flow arXiv:1706.04965 · CMS JINST 3 (2008) S08004 · ECAL JINST 2 (2007) P04004 ·
HCAL test beam Eur. Phys. J. C 60 (2009) 359 · hadronic response Groom, NIM A 572 (2007) 633. Where a paper gives a
curve, the number here is a simple shape through it; the depths of the gap and the endcap response are chosen so that
the jet response looks like that of CMS particle-flow jets (arXiv:1607.03663). Used for `data/jets.root` of M1.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Detector:
    """Every parameter of the detector, with its unit and source."""

    field: float = 3.8  # T, CMS solenoid, JINST 3 (2008) S08004
    ecal_radius: float = 1.29  # m, barrel front face, JINST 3 S08004
    ecal_z: float = 3.17  # m, endcap front face, JINST 3 S08004
    max_eta: float = 3.0  # end of the endcap calorimeters

    # Tracker, arXiv:1405.6569
    track_min_pt: float = 0.3  # GeV, iterative tracking
    track_max_eta: float = 2.5
    track_max_radius: float = 600.0  # mm, production radius where the efficiency has fallen to zero
    hadron_efficiency_barrel: float = 0.93  # pions, |eta| < 0.9; the loss is nuclear interactions
    hadron_efficiency_endcap: float = 0.84  # pions, |eta| > 1.4
    muon_efficiency: float = 0.99
    electron_efficiency: float = 0.90
    core_loss: float = 0.40  # efficiency lost where hits merge: at core_pt in one HCAL tower and above
    core_pt: float = 200.0  # GeV
    pt_resolution: float = 0.007  # multiple scattering, relative, barrel
    pt_resolution_slope: float = 1.5e-4  # 1/GeV, hit resolution, barrel
    angle_resolution: float = 0.0007  # rad at 1 GeV
    d0_resolution: tuple[float, float] = (0.010, 0.090)  # mm and mm GeV
    dz_resolution: tuple[float, float] = (0.030, 0.100)  # mm and mm GeV

    # Calorimeters
    ecal_cell: float = 0.0174
    ecal_resolution: tuple[float, float, float] = (0.028, 0.12, 0.02)  # stochastic, noise (GeV), constant in situ
    ecal_threshold: float = 0.35  # GeV, cluster energy, barrel; times cosh-like growth in the endcap
    hcal_tower: float = 0.087
    hcal_resolution: tuple[float, float, float] = (1.20, 0.6, 0.10)
    hcal_threshold: float = 0.8  # GeV
    h_over_e: float = 0.45  # ECAL + HCAL combined
    groom_power: float = 0.85
    groom_scale: float = 1.0  # GeV
    calibration_energy: float = 50.0  # GeV, pions that set the hadronic scale
    gap_centre: float = 1.45  # barrel-endcap transition with its services
    gap_width: float = 0.13
    gap_depth_ecal: float = 0.30
    gap_depth_hcal: float = 0.50
    endcap_response: float = 0.90  # radiation and rear leakage, |eta| > 1.6
    tower_position: float = 0.02  # rad, hadronic cluster position
    excess_significance: float = 1.5  # sigma, calorimeter over track energy that makes a neutral hadron

    # Charged-hadron subtraction and the beam
    beam_spot_z: float = 55.0  # mm, rms of vertices along the beam, 2011
    vertex_efficiency: float = 0.80  # of pile-up vertices; tracks of a vertex not found are kept
    vertex_separation: float = 0.6  # mm, closer pile-up vertices merge with the primary one


CMS = Detector()
