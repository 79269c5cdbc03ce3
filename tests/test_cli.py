import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import jetlab
from jetlab import cli, diagnosis
from jetlab.simulation import SimulationError

COMMAND = ["simulate", "jets", "--jets", "100", "--output", "jets.root"]


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Put a function in the place of `jetlab.simulation.simulate_jets`."""

    def replace(function: Callable[..., None]) -> None:
        module = types.ModuleType("jetlab.simulation")
        module.simulate_jets = function
        module.SimulationError = SimulationError
        monkeypatch.setitem(sys.modules, "jetlab.simulation", module)

    return replace


def test_simulate_hands_its_options_on(simulation: Callable) -> None:
    calls = []
    simulation(lambda **options: calls.append(options))
    assert cli.main([*COMMAND, "--seed", "7", "--workers", "3"]) == 0
    assert cli.main(COMMAND) == 0
    given = {"jets": 100, "seed": 7, "workers": 3, "output": Path("jets.root")}
    assert calls == [given, given | {"seed": 1, "workers": 2}]


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


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("jets.root is not ours"), 1, "jetlab: jets.root is not ours\n"),
        (PermissionError(13, "Permission denied", "/jets"), 1, "jetlab: [Errno 13] Permission denied: '/jets'\n"),
        (SimulationError("too few jets"), 1, "jetlab: too few jets\n"),
        (KeyboardInterrupt(), 130, "jetlab: interrupted\n"),
    ],
)
def test_failure_is_one_sentence(
    error: BaseException, code: int, message: str, simulation: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**options: object) -> None:
        raise error

    simulation(fail)
    assert cli.main(COMMAND) == code
    assert capsys.readouterr().err == message


def test_missing_pythia_names_the_extra(simulation: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(**options: object) -> None:
        raise ModuleNotFoundError("No module named 'pythia8mc'", name="pythia8mc")

    simulation(fail)
    assert cli.main(COMMAND) == 1
    message = capsys.readouterr().err
    assert message.startswith("jetlab: pythia8mc is not installed")
    assert ".[simulation]" in message


def test_a_programming_error_keeps_its_traceback(simulation: Callable) -> None:
    def fail(**options: object) -> None:
        raise ModuleNotFoundError("No module named 'jetlab.tpyo'", name="jetlab.tpyo")

    simulation(fail)
    with pytest.raises(ModuleNotFoundError, match="tpyo"):
        cli.main(COMMAND)


@pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1)])
def test_doctor_exit_code(well: bool, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "report", lambda: well)
    assert cli.main(["doctor"]) == code


@pytest.mark.parametrize("command", [["jetlab"], ["-m", "jetlab"]])
def test_installed_command_answers(command: list[str]) -> None:
    program = [str(Path(sys.executable).with_name("jetlab"))] if command == ["jetlab"] else [sys.executable, *command]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"jetlab {jetlab.__version__}\n"
