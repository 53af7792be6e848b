"""Memory that trainings side by side may need, and their scores."""

from __future__ import annotations

import pytest

from tests.model_selection.cases import RATES, SMALL, X, Y, assert_same_results, heard
from xpnet import MLPClassifier, backend
from xpnet import model_selection as ours
from xpnet.data.memory import default_limit
from xpnet.model_selection.memory import bytes_of
from xpnet.model_selection.scoring import answers


def test_half_of_what_is_free_where_the_samples_lie(cuda_device):
    array = cuda_device.asarray([1.0])
    half = backend.free_memory(array) / 2
    assert bytes_of(None, array) == pytest.approx(half, rel=0.1)
    assert bytes_of(None, X) == pytest.approx(default_limit(), rel=0.1)
    assert bytes_of("1 kB", array) == 1_000


def test_numbers_as_python_writes_them():
    assert bytes_of(1e17, X) == 1e17
    assert bytes_of("1.5e3 kB", X) == bytes_of("1500.kB", X) == 1_500_000
    assert bytes_of(".5 KiB", X) == 512


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_memory_limits_how_many_train_at_once():
    model = MLPClassifier(early_stopping=True, **SMALL)
    results = [
        ours.GridSearchCV(model, RATES, cv=2, memory=memory).fit(X, Y).cv_results_
        for memory in (None, "1 KiB")
    ]
    assert_same_results(*results)
    for wrong in ("1 pint", "0 GiB", "1.2.3", ".", 0):
        with pytest.raises(ValueError, match=f"memory is {wrong!r}: expected a number of bytes"):
            ours.GridSearchCV(model, RATES, cv=2, memory=wrong).fit(X, Y)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_what_there_is_no_room_for_begins_later(capsys, monkeypatch):
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    model = MLPClassifier(early_stopping=True, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, memory="1 KiB", verbose=1).fit(X, Y)
    first = next(line for line in capsys.readouterr().out.splitlines() if "go on" in line)
    assert " of 4 trainings go on, 3 are still to begin, " in first


@pytest.mark.parametrize("y", [Y, Y % 2], ids=["ten classes", "two"])
@pytest.mark.parametrize(("at_once", "stacks"), [(1, [1] * 14), (3, [3, 3, 1] * 2)])
def test_no_more_are_compared_at_once_than_the_bound(y, at_once, stacks, own_runs, monkeypatch):
    """So that memory does not grow with the number of candidates times that of samples."""
    x, targets = map(pytest.importorskip("torch").asarray, (X, y))
    compared, unread_score = [], MLPClassifier._unread_score

    def noted(network, A, *of_samples):
        compared.append(A.shape[0])
        return unread_score(network, A, *of_samples)

    def scores():
        search = ours.GridSearchCV(MLPClassifier(**SMALL), {"alpha": range(7)}, cv=2, refit=False)
        return heard(lambda: search.fit(x, targets))[0].cv_results_

    expected = scores()
    monkeypatch.setattr(MLPClassifier, "_unread_score", noted)
    monkeypatch.setattr(answers, "COMPARED", at_once * (len(X) // 2 + 1) * (10 if y is Y else 1))
    assert_same_results(scores(), expected)
    assert compared == stacks
