"""Trainings of a search: each is the one that would be made alone, on what its fold may know."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from xpnet import callbacks, evaluate, fit, optim, use_backend
from xpnet.cli.search.folds import folds_of
from xpnet.cli.search.trainings import Candidate, Fold, Member, train_all
from xpnet.cli.training.plan import Plan
from xpnet.data import Dataset, load
from xpnet.exceptions import DataError

GIVEN = {
    "test": 0.2,
    "validation": 0.1,
    "seed": 3,
    "label": None,
    "impute": None,
    "cv": 3,
    "activation": "relu",
    "optimizer": "adam",
    "schedule": "cosine",
    "class_weight": None,
    "l2": 1e-3,
    "dropout": 0.0,
    "lr": 0.02,
    "max_memory": None,
}


def table(m=60, n_x=3):
    rng = np.random.default_rng(0)
    X = rng.normal(5.0, 3.0, (m, n_x))
    return Dataset("table", X, (X[:, 0] > 5).astype(int))


def quantities():
    X = table().X_train
    return Dataset("quantities", X, X[:, 0] - X[:, 1])


def folds(dataset, **options):
    return list(folds_of(SimpleNamespace(**GIVEN | options), dataset, positive=False))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_training_is_that_of_fit_alone(backend):
    pytest.importorskip(backend)
    rates = [0.02, 1e30, 0.3]
    with use_backend(backend):
        splits = folds(quantities())
        made = []
        for rate in rates:
            options = SimpleNamespace(**GIVEN | {"lr": rate, "dropout": 0.2})
            made.append(Candidate(options, Plan(48, "4", 8, 4, 2, 0.5), "identity"))
        members = [Member(one, fold) for one in made for fold in map(Fold, splits)]
        train_all(members)
        alone = []
        for one in (made[0], made[2]):
            for split in splits:
                net = one.net(split.n_x, split.n_y)
                result = fit(
                    net,
                    net.init(3, "glorot_uniform"),
                    split.train.X,
                    split.train.Y,
                    optimizer=optim.adam(optim.cosine(one.options.lr, 4 * 5)),  # m is 36
                    epochs=4,
                    batch_size=8,
                    seed=3,
                    validation=split.validation,
                    callbacks=[callbacks.EarlyStopping(patience=2)],
                    l2=0.5,
                    dropout=0.2,
                )
                alone.append(evaluate(net, result.params, *split.test)["r2"])
    scores = [member.score for member in members]
    assert scores[:3] + scores[6:] == pytest.approx(alone, abs=1e-5)
    assert np.isnan(scores[3:6]).all()
    assert [member.diverged for member in members] == [False] * 3 + [True] * 3 + [False] * 3


def test_rare_classes_weigh_more_if_they_are_to():
    scores = []
    for weight in (None, "balanced"):
        options = SimpleNamespace(**GIVEN | {"class_weight": weight, "lr": 0.1})
        noise = Dataset("noise", table(99).X_train, (np.arange(99) % 5 == 0).astype(int))
        one = Candidate(options, Plan(60, "", 8, 5, None, 0.0), "softmax")
        members = [Member(one, fold) for fold in map(Fold, folds(noise, class_weight=weight))]
        train_all(members)
        scores.append(np.mean([member.score for member in members]))
    assert scores[1] < scores[0] - 0.1


def test_a_fold_follows_the_options_of_a_table(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("a,b,n\n,1,0\n" + "".join(f"{k % 7},{k % 5},{k}\n" for k in range(1, 30)))
    given = SimpleNamespace(**GIVEN | {"impute": "mean"})
    split = next(folds_of(given, load(path, task="regression", gaps=True), positive=True))
    assert split.preprocessing.encoding.strategy == "mean"
    assert split.preprocessing.targets.shift == 0  # Of what cannot be below 0.
    one, other = (folds(table(), seed=seed)[0].test[0] for seed in (3, 4))
    assert one.shape != other.shape or not np.allclose(one, other)


def test_a_fold_learns_nothing_of_what_it_holds_out():
    dataset = table()
    with use_backend("numpy", dtype="float64"):
        for split in folds(dataset):
            scaling = split.preprocessing.scaling
            sides = (split.train, split.validation, split.test)
            train, _, held_out = (side[0].T * scaling.scale + scaling.shift for side in sides)
            np.testing.assert_allclose(train.mean(axis=0), scaling.shift)
            assert not np.isclose(held_out[:, None], train[None]).all(axis=2).any()


def test_every_sample_is_held_out_once_but_the_only_one_of_a_class():
    dataset = table()
    y = np.where(np.arange(60) == 7, 2, dataset.y_train)
    splits = folds(Dataset("table", dataset.X_train, y))
    assert sum(split.m_test for split in splits) == 59
    assert {split.preprocessing.targets.labels for split in splits} == {(0, 1, 2)}


def test_more_folds_than_samples():
    with pytest.raises(ValueError, match=r"--cv is 90, but the training samples of the largest c"):
        folds(table(), cv=90)
    with pytest.raises(ValueError, match=r"--cv is 31, but the training samples are 60: .* 30$"):
        folds(quantities(), cv=31)  # R2 of one sample says nothing.


def test_too_few_samples_for_any_folds():
    """That number of folds would be no advice."""
    each_its_own = Dataset("few", table().X_train[:3], np.arange(3))
    with pytest.raises(ValueError, match="are 1: expected enough for 2 folds: give more samples"):
        folds(each_its_own, cv=2)


def test_folds_that_memory_does_not_hold():
    with pytest.raises(DataError, match=r"inputs of 3 folds of table takes 2.16 kB of mem"):
        folds(table(), max_memory=2000)


def test_a_fold_too_small_to_validate_on_is_named():
    few = Dataset("few", table().X_train[:9], np.repeat([0, 1], [5, 4]))
    with pytest.raises(DataError, match=r"^a fold of few has too few samples of a class"):
        folds(few)
