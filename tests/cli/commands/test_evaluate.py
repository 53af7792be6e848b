from __future__ import annotations

import pytest

from tests.cli.commands.test_train import accuracy
from tests.cli.conftest import SMALL


def test_what_training_said_of_the_test_part(run, flowers):
    path = flowers()
    trained = run("train", path, *SMALL, "--epochs", "1", "--lr", "1e-4", "--save", "model")
    evaluated = run("evaluate", "model", path)
    assert evaluated.code == 0
    assert accuracy(evaluated.out) == accuracy(trained.out) < 1.0
    assert "test samples of flowers: 18 samples\ncost " in evaluated.out


def test_all_of_another_table(run, flowers, model):
    evaluated = run("evaluate", model, flowers("others.csv", seed=1))
    assert (
        "all of others (which may include samples that the model was trained on): 90 samples"
        in evaluated.out
    )
    assert accuracy(evaluated.out) == 1.0


def test_the_scores_of_each_class(run, model, tmp_path):
    centres = {"iris": "100000,0", "lily": "100000,5", "rose": "150000,0"}
    kinds = [("iris", "iris"), ("iris", "lily"), ("lily", "lily"), ("lily", "lily")]
    rows = [f"{centres[looks]},{kind}" for kind, looks in kinds]
    (tmp_path / "few.csv").write_text("length,width,kind\n" + "\n".join(rows) + "\n")
    out = run("evaluate", model, "few.csv").out
    rows = [line.split() for line in out.splitlines()]
    assert ["iris", "1.000", "0.500", "0.667", "2"] in rows
    assert ["lily", "0.667", "1.000", "0.800", "2"] in rows
    assert ["rose", "0.000", "0.000", "0.000", "0"] in rows
    assert ["iris", "1", "1", "0"] in rows


@pytest.mark.parametrize("options", [("--backend", "torch"), ("--dtype", "float64")], ids=" ".join)
def test_elsewhere_than_trained(run, flowers, model, options):
    path = flowers()
    assert run("evaluate", model, path, *options).out == run("evaluate", model, path).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,2,3,iris\n4,5,6,lily\n",
            "strange.csv has 4 columns, and no names to find them by: expected 3",
        ),
        ("long,width,kind\n1,2,iris\n", "strange.csv has no column 'length': expected all"),
        ("length,width\n1,2\n", "strange.csv has no column 'kind', the label in training: "),
        ("length,width,kind\n", "strange.csv has a header, but no rows below it"),
        ("", "strange.csv is empty"),
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


def test_columns_in_another_order_are_the_same_data(run, flowers, model, tmp_path):
    path = flowers()
    rows = [line.split(",") for line in path.read_text().splitlines()]
    turned = tmp_path / "turned.csv"
    turned.write_text("".join(f"{kind},{width},{length}\n" for length, width, kind in rows))
    evaluated = run("evaluate", model, turned)
    assert evaluated.out == run("evaluate", model, path).out.replace("flowers", "turned")
    assert "test samples of turned: 18 samples" in evaluated.out


def test_a_file_that_has_changed_since_the_training(run, flowers, model):
    path = flowers()
    path.write_text(path.read_text() + "100000,0,iris\n")
    words = "all of flowers (which may include samples that the model was trained on): 91 samples"
    assert words in run("evaluate", model, path).out
