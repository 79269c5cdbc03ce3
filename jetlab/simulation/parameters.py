"""Every number of the parametrised detectors, named once, with its unit and source.

`Detector` is the CMS-like one of the jets at 7 TeV, `Tracker` the ATLAS-like one of the flavour-tagging jets at 13 TeV.

Tracking arXiv:1405.6569 · particle flow arXiv:1706.04965 · CMS JINST 3 (2008) S08004 · ECAL JINST 2 (2007) P04004 ·
HCAL test beam Eur. Phys. J. C 60 (2009) 359 · hadronic response Groom, NIM A 572 (2007) 633. Where a paper gives a
curve, the number here is a simple shape through it. "Fitted" marks what no paper gives as a number: it is chosen so
that jets of 30 to 300 GeV are made of what real CMS jets of 2011 are made of (`validation`).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Detector:
    """Every parameter of the detector, with its unit and source."""

    field: float = 3.8  # T, CMS solenoid, JINST 3 (2008) S08004
    ecal_radius: float = 1.29  # m, barrel front face, JINST 3 S08004
    ecal_z: float = 3.17  # m, endcap front face, JINST 3 S08004
    max_eta: float = 3.0  # end of the endcap calorimeters

    # Tracker, arXiv:1405.6569
    track_min_pt: float = 0.2  # GeV, iterative tracking; the efficiency doubles up to three times that
    track_max_eta: float = 2.5
    track_max_radius: float = 600.0  # mm, production radius where the efficiency has fallen to zero
    hadron_efficiency_barrel: float = 0.96  # pions, |eta| < 0.9; the loss is nuclear interactions
    hadron_efficiency_endcap: float = 0.99  # pions, |eta| > 1.4
    muon_efficiency: float = 0.99
    electron_efficiency: float = 0.90
    core_loss: float = 0.05  # efficiency lost where hits merge: at core_pt in one HCAL tower and above; fitted
    core_pt: float = 200.0  # GeV
    pt_resolution: float = 0.007  # multiple scattering, relative, barrel
    pt_resolution_slope: float = 1.5e-4  # 1/GeV, hit resolution, barrel
    angle_resolution: float = 0.0007  # rad at 1 GeV
    d0_resolution: tuple[float, float] = (0.010, 0.090)  # mm and mm GeV
    dz_resolution: tuple[float, float] = (0.030, 0.100)  # mm and mm GeV

    # Calorimeters
    tracker_material: tuple[tuple[float, ...], tuple[float, ...]] = (
        (0.0, 0.8, 1.4, 1.8, 2.5),
        (0.4, 0.7, 1.7, 1.5, 1.1),
    )  # |eta|, radiation lengths before the ECAL, JINST 3 S08004 fig. 3.3
    first_material: float = 0.03  # m, beam pipe, JINST 3 S08004
    #: Size of a cell in barrel and endcap, and the |eta| between them, JINST 3 S08004.
    ecal_cell: tuple[float, float, float] = (0.032, 0.060, 1.48)  # nearer photons merge: two crystals; fitted
    hcal_tower: tuple[float, float, float] = (0.087, 0.087, 1.39)
    ecal_depth: float = 1.1  # interaction lengths, 220 mm of PbWO4, JINST 3 S08004
    ecal_ionisation: float = 0.25  # GeV, left in 220 mm of PbWO4 by a hadron that does not shower there
    ecal_resolution: tuple[float, float, float] = (0.028, 0.12, 0.02)  # stochastic, noise (GeV), constant in situ
    ecal_threshold: float = 0.08  # GeV, cell, arXiv:1706.04965 table 2
    ecal_seed: tuple[float, float] = (0.27, 0.75)  # GeV, cluster in barrel and endcap (behind the preshower); fitted
    ecal_offset: float = 0.07  # GeV, added to photons by the calibration of what thresholds cost; fitted
    hadron_resolution: tuple[float, float, float] = (1.10, 0.0, 0.09)  # ECAL and HCAL, Eur. Phys. J. C 60 (2009) 359
    hcal_noise: tuple[float, float] = (0.283, 0.41)  # GeV in one tower of barrel and endcap; fitted
    hcal_threshold: float = 0.8  # GeV, tower, arXiv:1706.04965 table 2
    hcal_seed: tuple[float, float] = (0.8, 1.1)  # GeV, cluster in barrel and endcap, arXiv:1706.04965 table 2
    hcal_offset: tuple[float, float] = (0.0, 1.3)  # GeV, added by the calibration: real ones begin at 2.4 GeV
    shower_beside: float = 0.15  # mean share of a hadron's HCAL energy that lies beside its axis; fitted
    shower_width: float = 0.08  # rad, how far beside: one interaction length of brass, 16 cm, is a tower
    h_over_e: float = 0.62  # together; ECAL alone is near 0.4, HCAL 0.7, Eur. Phys. J. C 60 (2009) 359
    groom_power: float = 0.85
    groom_scale: float = 1.0  # GeV
    calibration_energy: float = 50.0  # GeV, pions that set the hadronic scale, Eur. Phys. J. C 60 (2009) 359
    ecal_scale: float = 1.0  # of the signals; the calibration does not know of it
    hcal_scale: float = 1.0
    gap_centre: float = 1.45  # barrel-endcap transition with its services
    gap_width: float = 0.20
    gap_depth_ecal: float = 0.32  # fitted
    gap_depth_hcal: float = 0.25  # fitted
    endcap_response: float = 0.90  # radiation and rear leakage, |eta| > 1.6; fitted
    tower_position: float = 0.02  # rad, position of a hadronic cluster
    excess_significance: float = 2.8  # sigma, calorimeter over track energy that makes neutrals; fitted
    excess_photon: float = 0.5  # GeV, arXiv:1706.04965, 5.3
    excess_neutral: float = 1.0  # GeV, arXiv:1706.04965, 5.3

    # Charged-hadron subtraction and the beam
    beam_spot_z: float = 55.0  # mm, rms of vertices along the beam, 2011
    vertex_efficiency: float = 0.80  # of pile-up vertices; tracks of a vertex not found are kept
    vertex_separation: float = 0.6  # mm, closer pile-up vertices merge with the primary one


CMS = Detector()
#: Every scale and efficiency moved within its uncertainty, in the direction that harms: for systematic uncertainties.
SHIFTED = replace(
    CMS,
    hadron_efficiency_barrel=CMS.hadron_efficiency_barrel * 0.97,  # 3.9 % with pions, CMS-PAS-TRK-10-002
    hadron_efficiency_endcap=CMS.hadron_efficiency_endcap * 0.97,
    core_loss=2 * CMS.core_loss,
    ecal_scale=0.99,  # arXiv:1607.03663, section 6
    hcal_scale=0.97,  # arXiv:1607.03663, section 6
    hadron_resolution=(1.21, 0.0, 0.099),  # 10 % worse
    vertex_efficiency=0.75,
)


@dataclass(frozen=True)
class Tracker:
    """Every parameter of the ATLAS-like detector of the flavour-tagging sample, with its unit and source.

    "Assumed" marks what no public note gives as one number; "fitted" what is chosen so that light rejections of IP3D
    and of trees are of the published order, ATL-PHYS-PUB-2017-013.
    """

    field: float = 2.0  # T, JINST 3 (2008) S08003
    max_eta: float = 2.5
    min_pt: float = 0.7  # GeV, of tracks that vertices are made of, ATL-PHYS-PUB-2017-011
    mean_pile_up: float = 25.0  # collisions of a crossing, 2016
    beam_spot_z: float = 40.0  # mm, rms of vertices along the beam, 2016
    vertex_resolution: tuple[float, float] = (0.012, 0.030)  # mm, primary vertex across and along the beam; assumed

    # What particles go through: the beam pipe and the four pixel layers, JINST 13 (2018) T05008, arXiv:1707.02826
    layers: tuple[float, ...] = (23.5, 33.25, 50.5, 88.5, 122.5)  # mm, radius; the first has no sensors
    material: tuple[float, ...] = (0.006, 0.019, 0.025, 0.025, 0.025)  # radiation lengths at normal incidence
    nuclear_share: float = 0.3  # interaction lengths per radiation length of silicon, carbon and beryllium
    interaction_tracks: float = 0.8  # mean charged tracks of an interaction beyond the first; assumed
    interaction_angle: float = 0.35  # GeV, transverse momentum of these; assumed

    # Tracks, ATL-PHYS-PUB-2015-018 and ATL-PHYS-PUB-2015-051
    hadron_efficiency: tuple[float, float] = (0.94, 0.86)  # |eta| < 1 and 2.5, besides what interacts
    electron_efficiency: float = 0.88
    muon_efficiency: float = 0.98
    max_radius: float = 300.0  # mm, production radius where the efficiency has fallen to zero
    layer_efficiency: float = 0.99
    strip_hits: int = 8  # of a track that crosses all four layers
    d0_resolution: tuple[float, float] = (0.012, 0.085)  # mm, and mm GeV for multiple scattering
    z0_resolution: tuple[float, float] = (0.060, 0.120)  # mm and mm GeV
    pull_width: float = 1.0  # resolutions over those that the fit of a track quotes
    tail_share: float = 0.08  # of tracks with wrong clusters or large scatters; fitted to light rejections
    tail_width: float = 2.8  # their resolution over that of the others; assumed
    pt_resolution: tuple[float, float] = (0.015, 3.0e-4)  # relative, and 1/GeV

    # Dense cores, arXiv:1704.07983
    shared_distance: float = 0.005  # dR below which clusters of two tracks merge in the innermost layer, at its radius
    shared_share: float = 0.5  # of these whose cluster is not split and counts as shared
    shared_resolution: float = 1.6  # their resolution over that of the others
    core_distance: float = 0.02  # dR of the neighbours that make a core dense
    core_loss: float = 0.02  # efficiency lost for each of them; assumed
    fake_share: float = 0.003  # fakes per track, ATL-PHYS-PUB-2015-051
    fake_core: float = 0.004  # more for each neighbour; assumed
    fake_width: tuple[float, float] = (0.8, 1.5)  # mm, d0 and z0 of fakes; assumed

    # Jets and muons
    jet_resolution: tuple[float, float, float] = (3.5, 0.75, 0.035)  # noise (GeV), stochastic, constant, 1703.09665
    jet_direction: tuple[float, float] = (0.07, 0.005)  # rad GeV^0.5, and the least, rad, in eta and phi; assumed
    muon_min_pt: float = 5.0  # GeV, ATL-PHYS-PUB-2017-013
    muon_fake: float = 0.003  # of hadrons that pass as muons: decays in flight and punch-through, arXiv:1603.05598


ATLAS = Tracker()
#: Impact parameters worse than quoted, more tails, fakes, losses: the order of what data differ by, arXiv:1907.05120.
ATLAS_SHIFTED = replace(
    ATLAS,
    pull_width=1.1,
    tail_share=0.10,
    hadron_efficiency=(0.93, 0.845),
    fake_share=0.004,
)
