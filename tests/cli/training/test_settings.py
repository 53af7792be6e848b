from __future__ import annotations

import json
import tomllib

import pytest

import xpnet
from tests.cli.conftest import SMALL, contents
from xpnet.cli.training.settings import write_settings

NAME = "xpnet-flowers"
AGAIN = ("--config", f"{NAME}.toml", "--save", "again.safetensors")


@pytest.fixture
def trained(run, flowers):
    return run("train", flowers(), *SMALL, "--no-plot", "--seed", "3", "--class-weight", "balanced")


def test_a_run_is_repeated_by_its_settings(run, trained, tmp_path):
    again = run("train", *AGAIN, "--quiet")
    assert again == (0, "", "")
    first, second = (tmp_path / name for name in (f"{NAME}.safetensors", "again.safetensors"))
    assert contents(first) == contents(second)
    assert not list(tmp_path.glob("*.png"))


def test_settings_of_any_characters_are_read_back(tmp_path):
    settings = {"drop": ["🌷 a", 'x"y', "größe\n"], "lr": 1e-05}
    write_settings(tmp_path / "run.toml", settings)
    assert tomllib.loads((tmp_path / "run.toml").read_text(encoding="utf-8")) == settings


def test_options_come_before_settings(run, trained, tmp_path):
    run("train", *AGAIN, "--seed", "4", "--hidden", "5")
    assert xpnet.load(tmp_path / "again.safetensors")[0].sizes == (2, 5, 3)
    written = tomllib.loads((tmp_path / "again.toml").read_text())
    assert (written["seed"], written["hidden"], written["batch-size"]) == (4, "5", 8)
    assert "save" not in written  # or another run would replace this model


def test_settings_that_were_read_are_left_as_they_are(run, trained, tmp_path):
    path = tmp_path / f"{NAME}.toml"
    path.write_text(f"# Mine.\n{path.read_text()}")
    assert "settings" not in run("train", "--config", path).out
    assert path.read_text().startswith("# Mine.\n")


def test_lists_and_sizes_are_read(run, flowers, tmp_path):
    text = (
        f'data = {json.dumps(str(flowers()))}\ndrop = ["width"]\nmax-memory = 1000000\nepochs = 1'
    )
    (tmp_path / "mine.toml").write_text(text)
    assert "'width' left out" in run("train", "--config", "mine.toml").out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 3", "mine.toml holds speed: expected names of options, such as hidden or"),
        ("epochs = ", "--config: cannot read mine.toml: Invalid value"),
        ('epochs = "many"', "Invalid value for '--epochs'"),
        (None, "--config: cannot read mine.toml: No such file"),
    ],
)
def test_settings_that_make_no_sense(fails, flowers, tmp_path, text, message):
    if text is not None:
        (tmp_path / "mine.toml").write_text(text)
    assert message in fails("train", flowers(), "--config", "mine.toml")


def test_a_model_says_how_it_was_made(run, trained):
    rows = [line.split(maxsplit=1) for line in run("info", f"{NAME}.safetensors").out.splitlines()]
    facts = dict(row for row in rows if len(row) == 2)
    assert facts["trained"] == "on        flowers"
    assert facts["xpnet"] == xpnet.__version__
    assert facts["network"] == "2-8-3, relu, softmax"
    assert (facts["epochs"], facts["class-weight"], facts["seed"]) == ("20", "balanced", "3")
    assert any(row[-1].rstrip(" │").endswith(" 51") for row in rows if row)  # 2·8 + 8 + 8·3 + 3


def test_a_model_that_no_settings_are_known_of(run, model, tmp_path):
    net, params, metadata = xpnet.load(model)
    for name in ("settings", "date", "xpnet", "data"):
        del metadata[name]
    xpnet.save(tmp_path / "former", net, params, **metadata)
    result = run("info", "former")
    assert result.code == 0
    assert "unknown: saved by a former version" in result.out
