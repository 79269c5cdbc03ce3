import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import jetlab
from jetlab import backend, catalog, cli, diagnosis, training
from jetlab.diagnosis import Finding

GIGABYTE = 1_000_000_000


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one intact file in the place of the kit's."""
    (tmp_path / "jets.root").write_bytes(b"jets")
    digest = hashlib.sha256(b"jets").hexdigest()
    (tmp_path / diagnosis.CHECKSUMS).write_text(f"{digest}  jets.root\n")
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path)
    return tmp_path


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_doctor_prints_a_line_for_everything(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jetlab.doctor()
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first.startswith("Looking at this machine")
    subjects = [line.split()[1] for line in lines if line.startswith(("ok", "warning"))]
    assert subjects == ["Python:", "packages:", "memory:", "data:", "device:", "training:"]
    assert last == "Ready."


def test_one_broken_thing_makes_the_report_fail(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = [Finding("ok", "a", "fine"), Finding("warning", "b", "poor", "get more")]
    monkeypatch.setattr(diagnosis, "examine", lambda: iter(findings))
    assert diagnosis.report() is True
    assert capsys.readouterr().out.endswith(
        "ok       a: fine\nwarning  b: poor\n         what to do: get more\nReady.\n"
    )
    findings.insert(0, Finding("broken", "c", "gone", "restore it"))
    assert diagnosis.report() is False
    assert "broken   c: gone\n         what to do: restore it\nok" in capsys.readouterr().out


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> backend.Device:
        raise ImportError("libcudart.so.12 is missing")

    monkeypatch.setattr(backend, "find_device", fail)
    found = {finding.subject: finding for finding in diagnosis.examine()}
    assert found["device"].status == "broken"
    assert found["device"].found == "ImportError: libcudart.so.12 is missing"
    assert found["device"].remedy
    assert found["data"].status == "ok"


def test_intact_data(shipped: Path) -> None:
    assert only(diagnosis.examine("data")) == Finding("ok", "data", "jets.root intact, 0.0 MB")


def test_altered_data(shipped: Path) -> None:
    (shipped / "jets.root").write_bytes(b"jest")
    finding = only(diagnosis.examine("data"))
    assert finding.status == "broken"
    assert str(shipped / "jets.root") in finding.found
    assert "git restore data" in finding.remedy


@pytest.mark.parametrize("name", ["jets.root", diagnosis.CHECKSUMS])
def test_missing_data(name: str, shipped: Path) -> None:
    (shipped / name).unlink()
    finding = only(diagnosis.examine("data"))
    assert finding.status == "broken"
    assert finding.found == f"{shipped / name} is missing"


def test_the_data_that_ships_is_intact() -> None:
    assert {finding.status for finding in diagnosis.examine("data")} == {"ok"}


@pytest.mark.parametrize(
    ("free", "limit", "status", "found"),
    [
        (8 * GIGABYTE, None, "ok", "8.0 GB available"),
        (8 * GIGABYTE, 3 * GIGABYTE, "ok", "3.0 GB available"),
        (8 * GIGABYTE, 1 * GIGABYTE, "warning", "1.0 GB available; a lesson takes up to 2 GB"),
        (GIGABYTE // 2, None, "warning", "0.5 GB available; a lesson takes up to 2 GB"),
    ],
)
def test_memory(free: int, limit: int | None, status: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    monkeypatch.setattr(diagnosis, "container_memory", lambda group: limit)
    finding = only(diagnosis.examine("memory"))
    assert (finding.status, finding.found) == (status, found)
    assert bool(finding.remedy) == (status == "warning")


def test_container_memory(tmp_path: Path) -> None:
    assert diagnosis.container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert diagnosis.container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("2000\n")
    (tmp_path / "memory.current").write_text("1500\n")
    (tmp_path / "memory.stat").write_text("anon 900\ninactive_file 400\nactive_file 200\n")
    assert diagnosis.container_memory(tmp_path) == 900


@pytest.mark.parametrize(
    "found", ["GPU NVIDIA T4, 16 GB", "GPU NVIDIA A100 (partitioned), 20 GB", "CPU (Keras on jax)"]
)
def test_device_with_and_without_something_to_do(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_device", lambda: backend.Device(found))
    assert only(diagnosis.examine("device")) == Finding("ok", "device", found)
    monkeypatch.setattr(backend, "find_device", lambda: backend.Device(found, "install CUDA (for the GPU)"))
    assert only(diagnosis.examine("device")) == Finding("warning", "device", found, "install CUDA (for the GPU)")


# Blocked, a module cannot be imported: as if it were not installed.
EXAMINED = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from jetlab import diagnosis
from importlib import metadata
find = metadata.version
def version(name):
    if name.removesuffix("-cpu") in sys.argv[1:]:
        raise metadata.PackageNotFoundError(name)
    return find(name)
metadata.version = version
for finding in diagnosis.examine():
    if finding.subject in ("packages", "device", "training"):
        print(finding.status, finding.subject, finding.found, finding.remedy, sep="|")
"""


def examined(engine: str, *missing: str) -> dict[str, list[str]]:
    """Status, what was found and what to do of each subject, in a process where Keras runs on that engine."""
    done = subprocess.run(
        [sys.executable, "-c", EXAMINED, *missing],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"KERAS_BACKEND": engine},
    )
    assert done.returncode == 0, done.stderr
    found = [line.split("|") for line in done.stdout.splitlines()]
    return {subject: [status, *rest] for status, subject, *rest in found}


def test_on_jax_all_is_well_also_without_tensorflow() -> None:
    pytest.importorskip("jax")
    found = examined("jax", "tensorflow")
    assert {subject: status for subject, (status, *_) in found.items()} == dict.fromkeys(found, "ok")
    assert found["device"][1].endswith("(Keras on jax)")
    assert "tensorflow" not in found["packages"][1]
    assert {remedy for *_, remedy in found.values()} == {""}


@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_what_keras_is_to_run_on_is_missing(engine: str) -> None:
    found = examined(engine, engine)
    assert found["device"] == ["broken", f"Keras is to run on {engine}, which is missing", diagnosis.ENGINES[engine]]
    assert found["packages"][0] == "ok"


def test_packages_as_they_are() -> None:
    finding = only(diagnosis.examine("packages"))
    assert finding.status == "ok"
    assert finding.found.startswith(f"jetlab {jetlab.__version__}, tensorflow 2.")
    assert "keras 3." in finding.found


def test_packages_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"keras": "3.12.0", "tensorflow": "2.20.0"}

    def version(name: str) -> str:
        if name == "uproot":
            raise metadata.PackageNotFoundError(name)
        return versions.get(name, "9999")

    monkeypatch.setattr(metadata, "version", version)
    first = next(diagnosis.examine("packages"))
    assert first.status == "broken"
    assert first.found == "keras 3.12.0 is not >=3.13.2; uproot is missing"
    assert first.remedy == diagnosis.INSTALL


def test_a_jetlab_that_is_not_installed_is_a_warning_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def absent(name: str) -> str:
        if name == "jetlab":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    warning, versions = diagnosis.examine("packages")
    assert (warning.status, warning.found) == ("warning", "jetlab is imported from a folder, not installed")
    assert (versions.status, versions.found.split(",")[0]) == ("ok", "jetlab (not installed)")
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0


def test_the_training_step_really_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    run = training.run
    monkeypatch.setattr(training, "run", lambda *given: results.append(run(*given)) or results[-1])
    assert only(diagnosis.examine("training")).status == "ok"
    assert 0 < results[0].history["loss"][-1] < 2

    halted = replace(results[0], history={"loss": []}, reason="nan", message="The loss became nan.")
    monkeypatch.setattr(training, "run", lambda *given: halted)
    assert only(diagnosis.examine("training")).found == "The loss became nan."


def test_asking_for_the_doctor_loads_no_tensorflow() -> None:
    code = "import sys, jetlab; jetlab.doctor; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
