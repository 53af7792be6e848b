from __future__ import annotations

import pytest

from tests.cli.conftest import SMALL
from tests.cli.test_train import accuracy


def test_what_training_said_of_the_test_part(run, flowers):
    path = flowers()
    trained = run("train", path, *SMALL, "--epochs", "1", "--save", "model")
    evaluated = run("evaluate", "model", path)
    assert evaluated.code == 0
    assert accuracy(evaluated.out) == accuracy(trained.out) < 1.0
    assert "test part of flowers: 18 samples\ncost " in evaluated.out


def test_all_of_another_table(run, flowers, model):
    evaluated = run("evaluate", model, flowers("others.csv", seed=1))
    assert "all of others: 90 samples" in evaluated.out
    assert accuracy(evaluated.out) == 1.0


@pytest.mark.parametrize("options", [("--backend", "torch"), ("--dtype", "float64")], ids=" ".join)
def test_elsewhere_than_trained(run, flowers, model, options):
    path = flowers()
    assert run("evaluate", model, path, *options).out == run("evaluate", model, path).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,iris\n4,5,6,lily\n", "X has shape (2, 3): expected (m, 2), the features that the"),
        ("1,2,iris\n4,5,oak\n", "labels that the model was not trained on: 'oak'"),
    ],
)
def test_data_that_the_model_does_not_know(fails, model, tmp_path, text, message):
    (tmp_path / "strange.csv").write_text(text)
    assert message in fails("evaluate", model, "strange.csv")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "cannot load nothing: expected a model file, found nothing there"),
        ("flowers.csv", "flowers.csv cannot be read"),
        ("half", "half cannot be read"),
    ],
)
def test_a_file_that_is_no_model(fails, flowers, model, tmp_path, command, name, message):
    (tmp_path / "half").write_bytes(model.read_bytes()[:-100])
    assert message in fails(command, name, flowers())
