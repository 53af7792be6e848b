"""The same script on every array library, and what is said where two of them meet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context

import xpnet
from xpnet import MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


@pytest.fixture
def on_device(eager_xp):
    """The library of the test without the flags that forbid reading sizes from data."""
    if eager_xp.name.startswith("array_api_strict"):
        from array_api_strict import reset_array_api_strict_flags

        reset_array_api_strict_flags()
    return eager_xp


@pytest.fixture(params=[False, True], ids=["plain", "dispatch"])
def _dispatch(request):
    with config_context(array_api_dispatch=request.param):
        yield


@pytest.mark.usefixtures("_dispatch")
def test_same_predictions_everywhere(few, on_device):
    X, y = on_device.asarray(few.X), on_device.asarray(few.y, "int64")
    settings = SETTINGS | {"early_stopping": True, "dropout": 0.0}
    model = MLPClassifier(**settings).fit(X, y, sample_weight=on_device.asarray(1 + few.y))
    reference = MLPClassifier(**settings).fit(*few, sample_weight=1 + few.y)
    answers = [model.predict(X), model.predict_proba(X), model.predict_log_proba(X)]
    for array in [*answers, *model.coefs_, *model.intercepts_, model.classes_]:
        assert backend.where(array) == backend.where(X)
    assert model.coefs_[0].dtype == X.dtype
    assert (on_device.to_numpy(answers[0]) == reference.predict(few.X)).all()
    np.testing.assert_allclose(
        on_device.to_numpy(answers[1]), reference.predict_proba(few.X), atol=1e-5
    )
    assert model.validation_scores_ == pytest.approx(reference.validation_scores_)
    assert model.score(X, y) == pytest.approx(reference.score(*few))


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_same_regression_everywhere(few, on_device, n_outputs):
    y = few.y if n_outputs == 1 else np.stack([few.y, few.X[:, 10]], axis=1)
    X, there = on_device.asarray(few.X), on_device.asarray(y)
    model = MLPRegressor(**SETTINGS, early_stopping=True).fit(X, there)
    reference = MLPRegressor(**SETTINGS, early_stopping=True).fit(few.X, y)
    predicted = model.predict(X)
    assert backend.where(predicted) == backend.where(X)
    assert predicted.shape == reference.predict(few.X).shape
    np.testing.assert_allclose(on_device.to_numpy(predicted), reference.predict(few.X), atol=1e-4)
    assert model.score(X, there) == pytest.approx(reference.score(few.X, y), abs=1e-4)
    weights = on_device.asarray(few.y + 1.0)
    expected = reference.score(few.X, y, sample_weight=few.y + 1.0)
    assert model.score(X, there, sample_weight=weights) == pytest.approx(expected, abs=1e-4)


def test_lbfgs_everywhere(few, on_device):
    X, y = on_device.asarray(few.X), on_device.asarray(few.y, "int64")
    model = MLPClassifier((8,), solver="lbfgs", max_iter=300, random_state=0).fit(X, y)
    assert backend.where(model.coefs_[0]) == backend.where(X)
    assert model.score(X, y) == 1.0


def test_names_stay_on_the_host(few, on_device):
    X, names = on_device.asarray(few.X), np.char.add("digit ", few.y.astype(str))
    model = MLPClassifier(**SETTINGS).fit(X, names)
    assert isinstance(model.classes_, np.ndarray)
    reference = MLPClassifier(**SETTINGS).fit(few.X, names)
    assert (model.predict(X) == reference.predict(few.X)).all()
    assert model.score(X, names) == pytest.approx(reference.score(few.X, names))


def test_y_and_weights_are_brought_to_the_samples(few, on_device):
    X = on_device.asarray(few.X)
    model = MLPClassifier(**SETTINGS).fit(X, few.y.tolist(), sample_weight=np.ones(200))
    assert backend.where(model.predict(X)) == backend.where(X)
    assert backend.where(model.classes_) == backend.where(X)


@pytest.mark.parametrize("labels", ["bool", "float32", "uint8"])
def test_labels_keep_their_dtype(few, on_device, labels):
    y = on_device.asarray(few.y % 2, labels)
    model = MLPClassifier(**SETTINGS).fit(on_device.asarray(few.X), y)
    assert model.predict(on_device.asarray(few.X)).dtype == y.dtype


def test_whole_numbers_become_the_librarys_usual_floats(few, on_device):
    X = on_device.asarray(few.X * 16, "int32")
    usual = on_device.xp.__array_namespace_info__().default_dtypes()["real floating"]
    model = MLPClassifier(**SETTINGS).fit(X, on_device.asarray(few.y, "int64"))
    assert model.predict_proba(X).dtype == usual


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (MLPClassifier, "predict"),
        (MLPClassifier, "predict_proba"),
        (MLPClassifier, "predict_log_proba"),
        (MLPRegressor, "predict"),
    ],
)
def test_another_librarys_array_is_refused_with_the_fix(few, estimator, method):
    model = estimator(**SETTINGS).fit(*few)
    X = backend.asarray(few.X, backend="torch")
    with pytest.raises(ValueError, match=rf"{method}\(\) must use the same namespace") as refused:
        getattr(model, method)(X)
    for part in ("numpy on cpu", "torch on cpu", "model.to_device(X)"):
        assert part in str(refused.value)
    moved = model.to_device(X)
    assert backend.where(getattr(moved, method)(X)).startswith("torch")
    brought = xpnet.to_device(X, model.coefs_[0])
    np.testing.assert_allclose(getattr(model, method)(brought), getattr(model, method)(few.X))


def test_a_frame_goes_to_numpy_and_to_no_other_library(few):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(few.X, columns=[f"pixel {i}" for i in range(64)])
    model = MLPClassifier(**SETTINGS).fit(frame, pandas.Series(few.y))
    assert list(model.feature_names_in_) == list(frame.columns)
    there = model.to_device("torch")
    with pytest.raises(ValueError, match="the model lies in torch on cpu, X in numpy on cpu"):
        there.predict(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(few, library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip([f"p{i}" for i in range(64)], few.X.T, strict=True)))
    model = MLPClassifier(**SETTINGS).fit(frame, few.y)
    reference = MLPClassifier(**SETTINGS).fit(*few)
    assert (model.predict(frame) == reference.predict(few.X)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[[f"p{i}" for i in reversed(range(64))]])


class RowsOnly(sparse.csr_matrix):
    """A sparse matrix that counts the rows that are made dense."""

    most = 0

    def toarray(self, *args, **kwargs):
        RowsOnly.most = max(RowsOnly.most, self.shape[0])
        return super().toarray(*args, **kwargs)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_samples(few, form, solver):
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(form(few.X), few.y)
    reference = MLPClassifier(**settings).fit(*few)
    np.testing.assert_allclose(
        model.predict_proba(form(few.X)), reference.predict_proba(few.X), atol=1e-5
    )


def test_sparse_samples_are_never_dense_as_a_whole(few):
    RowsOnly.most = 0
    MLPClassifier(**SETTINGS, batch_size=32).fit(RowsOnly(few.X), few.y)
    assert RowsOnly.most == 32


class OnDevice:
    """What cupyx's sparse matrices have, on torch: entries on a device, and rows of them."""

    def __init__(self, dense):
        self.dense, self.data, self.nnz = dense, dense[dense != 0], 0
        self.shape, self.ndim, self.dtype = tuple(dense.shape), 2, dense.dtype

    def __getitem__(self, rows):
        return OnDevice(self.dense[rows])

    def tocsr(self):
        return self

    def toarray(self):
        return self.dense

    def astype(self, dtype):
        return OnDevice(self.dense.to(dtype))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_samples_on_a_device(few, solver):
    X = backend.asarray(few.X, backend="torch")
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(OnDevice(X), few.y)
    reference = MLPClassifier(**settings).fit(X, few.y)
    assert bool((model.predict(OnDevice(X)) == reference.predict(X)).all())
    assert model.to_device("numpy").to_device(OnDevice(X)).score(OnDevice(X), few.y) > 0


def test_dask_is_refused(few):
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"X is a Dask array.*X.compute\(\)"):
        MLPClassifier(**SETTINGS).fit(dask.from_array(few.X), few.y)


def test_predictions_come_in_chunks(few, monkeypatch):
    from xpnet.estimators import _prediction

    model = MLPClassifier(**SETTINGS).fit(*few)
    whole = model.predict_proba(few.X)
    seen = []
    forward = _prediction.forward
    monkeypatch.setattr(_prediction, "CHUNK_BYTES", 4 * (64 + 16 + 10) * 30)
    monkeypatch.setattr(
        _prediction,
        "forward",
        lambda net, params, X: seen.append(X.shape[1]) or forward(net, params, X),
    )
    np.testing.assert_allclose(model.predict_proba(few.X), whole, atol=1e-6)
    assert seen == [30] * 6 + [20]


def test_input_is_never_written_to(few):
    X, y, s = few.X.copy(), few.y.copy(), np.linspace(0, 1, 200)
    weights = s.copy()
    MLPClassifier(**SETTINGS, class_weight="balanced").fit(X, y, sample_weight=weights).predict(X)
    assert (X == few.X).all()
    assert (y == few.y).all()
    assert (weights == s).all()
