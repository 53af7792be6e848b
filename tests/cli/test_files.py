from __future__ import annotations

from pathlib import Path

import pytest

from xpnet.cli.files import Files


def test_names_after_the_data():
    files = Files.of("digits", None, None, None, None)
    assert files == (Path("xpnet-digits.safetensors"), Path("xpnet-digits.png"), None, None)


def test_the_plot_lies_beside_the_model():
    files = Files.of("digits", Path("out/a.safetensors"), None, Path("c"), Path("l"))
    assert files == (Path("out/a.safetensors"), Path("out/a.png"), Path("c"), Path("l"))
    assert Files.of("digits", Path("a"), Path("b.pdf"), None, None).plot == Path("b.pdf")


def test_they_are_checked_before_the_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = Files.of("data", None, None, None, None)
    files.check("data.csv")
    for wrong in (
        files._replace(save=Path("data.csv")),
        files._replace(plot=Path("x.bmp")),
        files._replace(checkpoint=files.save),
        files._replace(log=Path("no_folder/log")),
    ):
        with pytest.raises(ValueError, match=r"^--(save|plot|checkpoint|log)"):
            wrong.check("data.csv")
