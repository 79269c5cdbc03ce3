import errno
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import jetlab
from jetlab import cli, diagnosis
from jetlab.errors import ArgumentError
from jetlab.io.sample import DataError
from jetlab.simulation import SimulationError

COMMAND = ["simulate", "jets", "--jets", "100", "--output", "jets.root"]


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Put a function in the place of `jetlab.simulation.simulate_jets`."""

    def replace(function: Callable[..., None]) -> None:
        module = types.ModuleType("jetlab.simulation")
        module.simulate_jets = function
        monkeypatch.setitem(sys.modules, "jetlab.simulation", module)

    return replace


def test_simulate_hands_its_options_on(simulation: Callable) -> None:
    calls = []
    simulation(lambda **options: calls.append(options))
    assert cli.main([*COMMAND, "--seed", "7", "--workers", "3"]) == 0
    assert cli.main(COMMAND) == 0
    assert cli.main([*COMMAND, "--variation", "shower", "--dask", "tcp://farm:8786"]) == 0
    given = {"jets": 100, "seed": 1, "workers": 2, "output": Path("jets.root"), "variation": "nominal", "dask": None}
    asked = {"variation": "shower", "dask": "tcp://farm:8786"}
    assert calls == [given | {"seed": 7, "workers": 3}, given, given | asked]


def test_simulate_flavour_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    module = types.ModuleType("jetlab.simulation")
    module.simulate_flavour = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "jetlab.simulation", module)
    words = ["simulate", "flavour", "--jets", "2000", "--output", "f.h5"]
    assert cli.main(words) == 0
    other = ["--variation", "alternative", "--workers", "5", "--dask", "tcp://farm:8786", "--top-pairs"]
    assert cli.main([*words, *other, "--templates", "nominal.h5"]) == 0
    given = {"jets": 2000, "seed": 1, "workers": 2, "output": Path("f.h5"), "variation": "nominal", "dask": None}
    given |= {"top_pairs": False, "templates": None}
    asked = {"variation": "alternative", "workers": 5, "dask": "tcp://farm:8786", "top_pairs": True}
    asked |= {"templates": "nominal.h5"}
    assert calls == [given, given | asked]


def test_simulate_pile_up_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    module = types.ModuleType("jetlab.simulation")
    module.simulate_pile_up = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "jetlab.simulation", module)
    words = ["simulate", "pile-up", "--jets", "50", "--output", "p.h5"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--seed", "3", "--pool", "70"]) == 0
    given = {"jets": 50, "seed": 1, "workers": 2, "output": Path("p.h5"), "dask": None, "pool": 3000}
    assert calls == [given, given | {"seed": 3, "pool": 70}]


def test_simulate_dijets_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    module = types.ModuleType("jetlab.simulation")
    module.simulate_dijets = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "jetlab.simulation", module)
    words = ["simulate", "dijets", "--events", "900", "--signal", "300", "--output", "d.h5"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--seed", "4", "--workers", "3", "--dask", "tcp://farm:8786"]) == 0
    given = {"events": 900, "signal": 300, "seed": 1, "workers": 2, "output": Path("d.h5"), "dask": None}
    assert calls == [given, given | {"seed": 4, "workers": 3, "dask": "tcp://farm:8786"}]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "COMMAND"),
        (["simulate"], "SAMPLE"),
        (["simulate", "jets", "--jets", "5"], "--output"),
        ([*COMMAND, "--jets", "0"], "0 is not 1 or more"),
        ([*COMMAND, "--workers", "-1"], "'-1' is not a whole number"),
        ([*COMMAND, "--seed", "1e3"], "'1e3' is not a whole number"),
    ],
)
def test_nonsense_is_refused(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


FULL = OSError(errno.ENOSPC, "No space left on device", "jets.root")
DENIED = PermissionError(errno.EACCES, "Permission denied", "/jets/jets.root")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("jets.root is not ours: take another."), 1, "jets.root is not ours: take another."),
        (ArgumentError("events is 0; simulate at least 1."), 1, "events is 0; simulate at least 1."),
        (SimulationError("too few jets"), 1, "too few jets"),
        (FULL, 1, "jets.root: No space left on device; free some space, or write to another disk."),
        (DENIED, 1, "/jets/jets.root: Permission denied; choose a place of your own, or change its permissions."),
        (FileNotFoundError(2, "No such file", "a.npz"), 1, "a.npz: No such file; check the name and the folder."),
        (OSError(errno.EIO, "I/O error", "a.npz"), 1, "a.npz: I/O error; check the name, the folder and the disk."),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failure_is_one_sentence(
    error: BaseException, code: int, message: str, simulation: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**options: object) -> None:
        raise error

    simulation(fail)
    assert cli.main(COMMAND) == code
    assert capsys.readouterr().err == f"jetlab: {message}\n"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("operands could not be broadcast together"),
        KeyError("jet_pt_ak7"),
        MemoryError("Unable to allocate 7 GiB"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        OSError("Can't write data"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        ModuleNotFoundError("No module named 'jetlab.tpyo'", name="jetlab.tpyo"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_keeps_its_traceback(error: Exception, simulation: Callable) -> None:
    def fail(**options: object) -> None:
        raise error

    simulation(fail)
    with pytest.raises(type(error)) as caught:
        cli.main(COMMAND)
    assert caught.value is error


def test_a_full_disk_names_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    output = tmp_path / "hits.csv"
    assert cli.main(["simulate", "hits", "--events", "2", "--output", str(output)]) == 1
    assert capsys.readouterr().err.startswith(f"jetlab: {output}: No space left on device; free some space")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["simulate", "hits", "--events", "2", "--output", str(tmp_path / "file" / "hits.csv")]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"jetlab: {tmp_path / 'file'}: ")
    assert message.endswith("choose another name.\n")
    assert message.count("\n") == 1


def test_numbers_out_of_range_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "hits", "--events", "2", "--multiplicity", "-1", "--output", str(tmp_path / "hits.csv")]
    assert cli.main(words) == 1
    assert capsys.readouterr().err == "jetlab: multiplicity is -1.0; allowed is a mean number from 0 to 100000.\n"


def test_missing_pythia_names_the_extra(simulation: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(**options: object) -> None:
        raise ModuleNotFoundError("No module named 'pythia8mc'", name="pythia8mc")

    simulation(fail)
    assert cli.main(COMMAND) == 1
    message = capsys.readouterr().err
    assert message.startswith("jetlab: pythia8mc is not installed")
    assert ".[simulation]" in message


@pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1)])
def test_doctor_exit_code(well: bool, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "report", lambda: well)
    assert cli.main(["doctor"]) == code


@pytest.mark.parametrize("command", [["jetlab"], ["-m", "jetlab"]])
def test_installed_command_answers(command: list[str]) -> None:
    program = [str(Path(sys.executable).with_name("jetlab"))] if command == ["jetlab"] else [sys.executable, *command]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"jetlab {jetlab.__version__}\n"


def test_scan_trains_a_grid_of_the_catalog_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna", reason="the scan extra is not installed")
    space, csv = tmp_path / "space.json", tmp_path / "runs.csv"
    space.write_text('{"nodes": [2, 4], "layers": 1, "epochs": 1, "train_size": 2000}')
    command = ["scan", str(space), "--storage", str(tmp_path / "study"), "--workers", "1", "--csv", str(csv)]
    assert cli.main([*command, "--trials", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert cli.main([*command, "--test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.rstrip().endswith("done")]) == 2
    assert any(line.startswith("test auc: ") for line in lines)
    assert len(csv.read_text().splitlines()) == 3


def test_scan_refuses_a_bad_space_by_the_name_of_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.json"
    space.write_text('{"nodes": [16, 0]}')
    assert cli.main(["scan", str(space)]) == 1
    assert capsys.readouterr().err.startswith("jetlab: nodes is 0; allowed")
