"""Values of a grid, read as a training's options are."""

from __future__ import annotations

import pytest
import typer.main

from xpnet.cli.commands.search import search
from xpnet.cli.search.grid import Between, candidates_of, read_grid


def read(*texts, beside=()):
    """The grid of some texts, and of other arguments of the command."""
    app = typer.Typer()
    app.command()(search)
    arguments = ["data", *(f"--grid={text}" for text in texts), *beside]
    context = typer.main.get_command(app).make_context("search", arguments)
    return read_grid(context, texts)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lr=1e-4:1e-1:log4", [1e-4, 1e-3, 1e-2, 1e-1]),
        ("lr=0.1,0.1,0.2", [0.1, 0.2]),
        ("lr=1:2:log3", [1.0, 1.414, 2.0]),
        ("dropout=0:0.5:3", [0.0, 0.25, 0.5]),
        ("batch-size=32:512:log3", [32, 128, 512]),
        ("epochs=1:2:5", [1, 2]),
        ("hidden=none, 32,64x32", ["", "32", "64,32"]),
        ("optimizer=adam,sgd", ["adam", "sgd"]),
        ("lr=1e-4:1e-1:log", Between(1e-4, 1e-1, True, False)),
        ("epochs=5:50", Between(5, 50, False, True)),
    ],
)
def test_values(text, values):
    (found,) = read(text).values()
    assert found == values


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["size=1"], r"--grid is 'size=1': expected OPTION=VALUES, .* with one of lr, hidden"),
        (["lr"], r"--grid is 'lr': expected OPTION=VALUES"),
        (["lr=1", "lr=2"], "--grid has lr twice: list all its values in one"),
        (["lr=0.1,-1"], "--grid is lr=-1: -1 is not a number above 0"),
        (["lr=find"], "--grid is lr=find: expected numbers"),
        (["batch-size=1.5"], "--grid is batch-size=1.5: .*valid int"),
        (["hidden=3,4x"], "--grid is hidden=4x: expected the units of each hidden layer with x"),
        (["hidden=8,0"], "--grid is hidden=0: expected the units of each hidden layer with x"),
        (["hidden=3,,4"], "--grid has an empty value of hidden"),
        (["lr=0.1:0.2:exp3"], "--grid is lr=0.1:0.2:exp3: expected the ends and the number"),
        (["lr=0.2:0.1:3"], "--grid is lr=0.2:0.1:3: expected numbers, the smaller one first"),
        (["l2=0:1:log3"], "--grid is l2=0:1:log3: expected ends above 0"),
        (["l2=0:1:1"], "--grid is l2=0:1:1: expected 2 values or more"),
    ],
)
def test_what_is_no_grid(texts, message):
    with pytest.raises(ValueError, match=message):
        read(*texts)


def test_an_option_is_not_searched_and_set():
    with pytest.raises(ValueError, match="--grid searches lr, which --lr sets: leave one"):
        read("lr=0.1,0.2", beside=["--lr", "0.3"])


def test_all_combinations_or_some_at_random():
    space = {"lr": [0.1, 0.2], "l2": Between(1e-3, 1e-1, True, False)}
    drawn = candidates_of(space, 5, seed=1)
    assert drawn == candidates_of(space, 5, seed=1) != candidates_of(space, 5, seed=2)
    assert all(1e-3 <= one["l2"] <= 1e-1 and one["lr"] in (0.1, 0.2) for one in drawn)
    with pytest.raises(ValueError, match=r"--grid l2 is a range .* l2=0.001:0.1:log8, or --random"):
        candidates_of(space, None, seed=0)
    assert len(candidates_of({"epochs": Between(1, 2, False, True)}, 9, seed=0)) == 2
    lists = {"lr": [0.1, 0.2], "hidden": ["8"]}
    every = [{"hidden": "8", "lr": 0.1}, {"hidden": "8", "lr": 0.2}]
    assert candidates_of(lists, None, seed=0) == every
    assert sorted(candidates_of(lists, 9, seed=0), key=str) == every
