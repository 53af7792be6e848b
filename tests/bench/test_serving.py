from __future__ import annotations

import re

import pytest


def test_a_row_for_each_server(monkeypatch, capsys):
    for package in ("joblib", "onnxruntime", "ndonnx"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from bench import serving

    # Those that start fast; each of the others imports scikit-learn for seconds.
    some = {name: serving.SERVERS[name] for name in ("xpnet", "onnxruntime")}
    monkeypatch.setattr(serving, "SERVERS", some)
    assert serving.main(["--epochs", "1", "--rounds", "1", "--rows", "2"]) == 0
    said = capsys.readouterr().out
    assert "onnxruntime: 359 of 359 labels as xpnet's" in said
    assert len(re.findall(r"\| [\w.]+ \| [\d.]+ s \| \d+ µs \|", said)) == len(some)
