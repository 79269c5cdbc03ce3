"""The `jetlab` command: `doctor`, `simulate`, `convert`, `scan`, `release` the lessons, and a `board` for the class."""

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jetlab
from jetlab import shipped
from jetlab.errors import JetlabError, counted

#: Packages that not everybody has -> the extra that installs them.
_EXTRAS = {"distributed": "simulation", "pythia8mc": "simulation", "fastjet": "simulation", "sqlalchemy": "board"}
_FORBIDDEN = "choose a place of your own, or change its permissions"
_IN_THE_WAY = "there is a file where a folder is needed, or a folder where a file is: choose another name"
#: What to do about a file that the system refuses.
_ADVICE = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "delete some of your files, or write to another disk",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "write to another disk",
    errno.ENOENT: "check the name and the folder",
    errno.EEXIST: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after `jetlab`; the process's own where None.

    Returns:
        The exit code: 0 done, 1 failed (one sentence on stderr says why), 130 interrupted.

    Raises:
        SystemExit: from argparse, with code 2 for arguments that make no sense and 0 for `--help` and `--version`.
        Exception: whatever is neither a JetlabError nor an OSError that names a file is a fault; its traceback is kept.
    """
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("jetlab: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        return _failed(f"{error.name} is not installed: {shipped.install(_EXTRAS[error.name])}")
    except JetlabError as error:
        # It says in a sentence what to do; a traceback would bury that.
        return _failed(error)
    except OSError as error:
        if error.filename is None or error.strerror is None:
            raise
        advice = _ADVICE.get(error.errno or 0, "check the name, the folder and the disk")
        return _failed(f"{error.filename}: {error.strerror}; {advice}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jetlab", description="Deep learning for jets at the LHC: the kit's command.")
    parser.add_argument("--version", action="version", version=f"jetlab {jetlab.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    doctor = commands.add_parser("doctor", help="check whether this machine is ready for the lessons")
    doctor.set_defaults(run=_doctor)

    simulate = commands.add_parser("simulate", help="make a sample of simulated collisions")
    samples = simulate.add_subparsers(required=True, metavar="SAMPLE")
    jets = samples.add_parser(
        "jets",
        help="merged W and QCD jets at 7 TeV, with pile-up and a CMS-like detector",
        description="Simulate W and QCD jets at 7 TeV, half each, with pile-up and a CMS-like detector. "
        "An interrupted run resumes when the same command is given again.",
    )
    _add_chunks(jets, "selected jets wanted, half of them W", "ROOT file to write")
    jets.add_argument(
        "--variation",
        choices=("nominal", "shower", "detector", "ww"),
        default="nominal",
        help="for systematic uncertainties: another parton shower, a shifted detector, or W from pairs of W (nominal)",
    )
    jets.set_defaults(run=_simulate_jets)
    flavour = samples.add_parser(
        "flavour",
        help="b, c and light jets at 13 TeV, with tracks and vertices of an ATLAS-like tracker",
        description="Simulate jets for flavour tagging at 13 TeV, half from top pairs, half from a Z', with pile-up "
        "and an ATLAS-like tracker. An interrupted run resumes when the same command is given again.",
    )
    _add_chunks(flavour, "jets wanted, half of them from top pairs", "HDF5 file to write")
    flavour.add_argument(
        "--variation",
        choices=("nominal", "alternative"),
        default="nominal",
        help="another simulation to judge the first by: other parton shower, worse tracks (nominal)",
    )
    flavour.add_argument("--top-pairs", action="store_true", help="jets of top pairs only")
    flavour.add_argument(
        "--templates",
        metavar="FILE",
        help="take the likelihoods' templates of this nominal sample, by simulating their jets again (own jets)",
    )
    flavour.set_defaults(run=_simulate_flavour)
    pile_up = samples.add_parser(
        "pile-up",
        help="hard and minimum-bias collisions at 13 TeV, to be overlaid",
        description="Simulate QCD and W jets at 13 TeV, and minimum-bias collisions to lay over them. "
        "An interrupted run resumes when the same command is given again.",
    )
    _add_chunks(pile_up, "jets wanted, a third of them W", "HDF5 file to write")
    pile_up.add_argument("--pool", type=_positive, default=3000, metavar="N", help="minimum-bias collisions (3000)")
    pile_up.set_defaults(run=_simulate_pile_up)
    dijets = samples.add_parser(
        "dijets",
        help="pairs of jets near 1 TeV at 7 TeV, from QCD and from an unknown resonance",
        description="Simulate pairs of jets at 7 TeV from QCD and from a W' that decays to two new particles of two "
        "quarks each. An interrupted run resumes when the same command is given again.",
    )
    dijets.add_argument("--events", type=_positive, required=True, metavar="N", help="pairs of QCD jets wanted")
    dijets.add_argument("--signal", type=_positive, required=True, metavar="N", help="pairs of the resonance wanted")
    _add_work(dijets, "HDF5 file to write")
    dijets.set_defaults(run=_simulate_dijets)
    hits = samples.add_parser(
        "hits",
        help="events of the tracking lesson's toy detector",
        description="Simulate events of the RAMP 2017 toy detector and write them as CSV; seconds for 5,000.",
    )
    hits.add_argument("--events", type=_positive, required=True, metavar="N", help="events wanted")
    hits.add_argument("--multiplicity", type=float, default=10, metavar="M", help="mean tracks in an event (10)")
    hits.add_argument("--seed", type=_natural, default=1, metavar="S", help="the same seed gives the same events (1)")
    hits.add_argument("--output", type=Path, required=True, metavar="PATH", help="file to write, .csv or .csv.gz")
    hits.set_defaults(run=_simulate_hits)
    convert = commands.add_parser(
        "convert",
        help="write other people's jets as a ROOT or HDF5 file of the kit",
        description="Write the jets of a file, such as NanoAOD, as the kit's own ROOT or HDF5; `catalog.describe()` "
        "lists what can be read. The file may be larger than the memory.",
    )
    convert.add_argument("source", metavar="IN", help="file, or https:// or root:// address, to read")
    convert.add_argument("target", type=Path, metavar="OUT", help="file to write: .root, .h5 or .hdf5")
    convert.add_argument(
        "--radius", type=float, metavar="R", help="of the jets, if IN has several kinds (NanoAOD: 0.8)"
    )
    convert.set_defaults(run=_convert)
    _add_scan(commands)
    _add_board(commands)
    release = commands.add_parser(
        "release",
        help="copy the lessons, with or without their solutions",
        description="Copy the lessons to an empty folder, to hand out.",
    )
    which = release.add_mutually_exclusive_group(required=True)
    which.add_argument("--without-solutions", dest="solutions", action="store_false", help="the participants' copy")
    which.add_argument("--with-solutions", dest="solutions", action="store_true", help="the instructors' copy")
    which.add_argument(
        "--for-grading", action="store_true", help="a course for nbgrader, its cells marked and its points given"
    )
    release.add_argument("folder", type=Path, metavar="DIR", help="folder to write to, new or empty")
    release.set_defaults(run=_release)
    return parser


def _add_chunks(parser: argparse.ArgumentParser, jets: str, output: str) -> None:
    """The options of samples that are made in chunks; `jets` and `output` are help texts."""
    parser.add_argument("--jets", type=_positive, required=True, metavar="N", help=jets)
    _add_work(parser, output)


def _add_work(parser: argparse.ArgumentParser, output: str) -> None:
    """How the work is done, and where it goes; `output` is a help text."""
    parser.add_argument("--seed", type=_natural, default=1, metavar="S", help="the same seed gives the same jets (1)")
    parser.add_argument(
        "--workers", type=_positive, default=2, metavar="W", help="processes at work; not in the result (2)"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of this Dask scheduler do it, instead of processes here"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help=output)


def _add_scan(commands: Any) -> None:
    scan = commands.add_parser(
        "scan",
        help="train many networks that differ in a few fields, here or on a farm",
        description="Train taggers that differ in the fields of SPACE.json that have a list or a range. An interrupted "
        "scan goes on when the same command is given again; several may be at work on one storage.",
    )
    scan.add_argument("space", type=Path, metavar="SPACE.json", help="run configuration with lists or ranges")
    scan.add_argument("--data", default="jets", metavar="NAME", help="data set of the catalog (jets)")
    scan.add_argument("--storage", metavar="FILE", help="file or database URL that keeps the scan; without: nothing")
    scan.add_argument("--workers", type=_positive, metavar="N", help="processes on this machine (one for each core)")
    scan.add_argument("--dask", metavar="ADDRESS", help="let the workers of this Dask scheduler do it")
    scan.add_argument("--trials", type=_positive, metavar="N", help="points in all (the whole grid; with ranges 50)")
    scan.add_argument("--prune", action="store_true", help="end early what is worse than the median of the others")
    scan.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each run to this file")
    scan.add_argument("--test", action="store_true", help="in the end, look at the test jets with the best point")
    scan.set_defaults(run=_scan)


def _add_board(commands: Any) -> None:
    board = commands.add_parser("board", help="serve a board for the class: challenges, progress, polls")
    actions = board.add_subparsers(required=True, metavar="ACTION")
    serve = actions.add_parser(
        "serve",
        help="serve it, to a room or as a service of a JupyterHub",
        description="Serve the board until it is interrupted. It prints its address and two tokens, unless "
        "JETLAB_BOARD_TOKEN and JETLAB_BOARD_TEACHER_TOKEN have them. Without a challenge there is a rehearsal.",
    )
    serve.add_argument("--port", type=_natural, default=8765, metavar="P", help="to listen at (8765)")
    serve.add_argument(
        "--address", default="127.0.0.1", metavar="A", help="to listen at; 0.0.0.0 lets the room in (127.0.0.1)"
    )
    serve.add_argument("--db", default="sqlite:///board.db", metavar="URL", help="database (sqlite:///board.db)")
    serve.add_argument(
        "--challenge", type=Path, action="append", default=[], metavar="DIR", help="folder that make-challenge wrote"
    )
    serve.add_argument("--per-hour", type=_positive, default=10, metavar="N", help="entries of a participant (10)")
    serve.set_defaults(run=_serve_board)
    make = actions.add_parser(
        "make-challenge",
        help="simulate jets whose labels only the board will have",
        description="Simulate W and QCD jets and write jets.h5, without labels, and labels.h5, to be kept.",
    )
    make.add_argument("folder", type=Path, metavar="OUT", help="folder to write to, new or empty")
    make.add_argument("--jets", type=_positive, default=10_000, metavar="N", help="half of them W (10000)")
    make.add_argument("--seed", type=_natural, metavar="S", help="a secret, as labels follow from it (drawn)")
    make.add_argument("--workers", type=_positive, default=2, metavar="W", help="processes at work (2)")
    make.add_argument("--name", default="W-tagger", help="what participants call it (W-tagger)")
    make.add_argument("--rehearsal", action="store_true", help="take shipped jets, whose labels are public, instead")
    make.set_defaults(run=_make_challenge)


def _positive(text: str) -> int:
    number = _natural(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def _doctor(options: argparse.Namespace) -> int:
    from jetlab.diagnosis import report

    return 0 if report() else 1


def _simulate_jets(options: argparse.Namespace) -> int:
    from jetlab.simulation import simulate_jets

    simulate_jets(**_chunk_options(options))
    return 0


def _simulate_flavour(options: argparse.Namespace) -> int:
    from jetlab.simulation import simulate_flavour

    simulate_flavour(**_chunk_options(options), top_pairs=options.top_pairs, templates=options.templates)
    return 0


def _simulate_pile_up(options: argparse.Namespace) -> int:
    from jetlab.simulation import simulate_pile_up

    simulate_pile_up(**_chunk_options(options), pool=options.pool)
    return 0


def _simulate_dijets(options: argparse.Namespace) -> int:
    from jetlab.simulation import simulate_dijets

    given = {name: getattr(options, name) for name in ("events", "signal", "seed", "workers", "output", "dask")}
    simulate_dijets(**given)
    return 0


def _chunk_options(options: argparse.Namespace) -> dict[str, Any]:
    names = ("jets", "seed", "workers", "output", "variation", "dask")
    return {name: getattr(options, name) for name in names if name in options}


def _failed(reason: object) -> int:
    print(f"jetlab: {reason}", file=sys.stderr)
    return 1


def _simulate_hits(options: argparse.Namespace) -> int:
    from jetlab.tracking import simulate_hits

    simulate_hits(options.events, options.output, options.seed, options.multiplicity)
    return 0


def _convert(options: argparse.Namespace) -> int:
    from jetlab.io import convert

    convert(options.source, options.target, options.radius)
    return 0


def _scan(options: argparse.Namespace) -> int:
    from jetlab import catalog, inputs, jets, scan

    space = scan.Space.from_json(options.space.read_text(encoding="utf-8"))
    sample = catalog.load(options.data)
    parts = jets.split(sample.event_index)
    is_w = sample["jet_isW_ak7"] == 1
    columns = sample["jet_pt_ak7"], sample["jet_eta_ak7"], is_w, sample["mcweight"]
    prepare = inputs.remembering(sample, parts, jets.reweight(*columns, train=parts[0]))
    given = {name: getattr(options, name) for name in ("storage", "workers", "dask", "trials", "prune")}
    table = scan.run(space, prepare, **given)
    print(table)
    if options.csv:
        options.csv.write_text(table.to_csv(), encoding="utf-8")
    if options.test:
        for name, value in scan.look(table, prepare).items():
            print(f"test {name}: {value}")
    return 0


def _serve_board(options: argparse.Namespace) -> int:
    from jetlab.board.server import serve

    serve(options.db, options.challenge, options.address, options.port, options.per_hour)
    return 0


def _make_challenge(options: argparse.Namespace) -> int:
    from jetlab.board import challenge

    if options.rehearsal:
        made = challenge.rehearse(options.folder, options.name)
    else:
        made = challenge.make(options.folder, options.name, options.jets, options.seed, options.workers)
    print(challenge.advice(made))
    return 0


def _release(options: argparse.Namespace) -> int:
    from jetlab import classroom

    if options.for_grading:
        course = classroom.for_grading(options.folder)
        print(f"In {options.folder}: {counted(len(course.lessons), 'lesson')} for nbgrader, {course.points} points.")
        print(f"Not graded, since they ask for runs in a panel: {', '.join(course.left_out)}.")
        return 0
    files = classroom.release(options.folder, options.solutions)
    solutions = "with" if options.solutions else "without"
    print(f"In {options.folder}: {counted(len(files), 'lesson')} {solutions} solutions.")
    return 0
