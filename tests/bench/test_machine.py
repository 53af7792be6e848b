"""The machine's cards, as nvidia-smi names them."""

from __future__ import annotations

import os
import sys

import pytest

from bench import machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="puts a script on the path")


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A function that puts a script in the place of nvidia-smi."""

    def nvidia_smi(script):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return nvidia_smi


def test_cards_with_their_driver_come_first(nvidia_smi):
    nvidia_smi("echo 'A CARD, 580.1'; echo 'ANOTHER, 580.1'")
    described = machine.describe(())
    assert described["cards"] == ["A CARD, driver 580.1", "ANOTHER, driver 580.1"]
    assert machine.line(described).startswith("A CARD, driver 580.1; ANOTHER, driver 580.1; ")


@pytest.mark.parametrize("script", ["echo 'no driver'; exit 9", "exec sleep 60"])
def test_where_no_driver_answers_there_is_no_card(nvidia_smi, script, monkeypatch):
    monkeypatch.setattr(machine, "MOST_SECONDS", 0.5)
    nvidia_smi(script)
    assert machine.describe(())["cards"] == []
