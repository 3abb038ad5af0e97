"""Keys that are in no export: when the doctor says so, and that a young network is left alone."""

from __future__ import annotations

import os
import time

import pytest

from tests.doctor.examples import NOW, evidence
from tests.doctor.patient import Patient
from windlass.doctor.causes import exports
from windlass.doctor.diagnose import diagnose
from windlass.doctor.evidence import KeyExport

PASSPHRASE = "correct horse battery"
CODE = "keys-never-exported"


@pytest.mark.timeout(300)
def test_keys_never_exported(solo_patient: Patient) -> None:
    """Nothing on a young network; on one of some hours a warning, until they are exported; and at
    once when a key is made after that."""
    solo_patient.is_well()
    assert solo_patient.run("doctor").stdout == "Nothing is wrong.\n"
    hours_ago = time.time() - 3 * 3600
    os.utime(solo_patient.state / "vault/vault.json", (hours_ago, hours_ago))
    found = solo_patient.finding(CODE)
    assert found["severity"] == "warning"
    assert found["network"] is None
    assert "never exported" in found["sentence"]
    assert "3 h old" in found["evidence"]
    assert "`windlass keys export`" in found["next_step"]
    assert solo_patient.examine()["healthy"] is True

    secret = solo_patient.folder / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    solo_patient.run("keys", "export", "first.keys", "--passphrase-file", "passphrase")
    solo_patient.is_well()
    solo_patient.run("accounts", "new", "shop")
    found = solo_patient.finding(CODE)
    assert found["severity"] == "warning"
    assert "since the last export" in found["sentence"]
    solo_patient.run("keys", "export", "second.keys", "--passphrase-file", "passphrase")
    solo_patient.is_well()


@pytest.mark.parametrize(
    ("standing", "age_s", "told"),
    [
        ("none", 10 * exports.TRIAL_S, False),
        ("never", exports.TRIAL_S, False),
        ("never", exports.TRIAL_S + 1, True),
        ("never", -60.0, False),  # the clock was set back
        ("current", 10 * exports.TRIAL_S, False),
        ("stale", 0.0, True),
    ],
)
def test_when_it_is_told(standing: str, age_s: float, told: bool) -> None:
    """By age if there was no export, at once if there was one; never as more than a warning."""
    known = KeyExport(standing=standing, vault_made=NOW - age_s, exported=NOW - age_s)
    report = diagnose(evidence(key_export=known))
    assert [finding.code for finding in report.findings] == ([CODE] if told else [])
    assert report.healthy


@pytest.mark.parametrize("at", [float("nan"), 1e300, -1e300, None])
def test_a_note_with_no_time_in_it_is_no_matter(at: float | None) -> None:
    """Somebody may have written into it."""
    found = diagnose(evidence(key_export=KeyExport(standing="stale", exported=at))).findings
    assert [finding.code for finding in found] == [CODE]
