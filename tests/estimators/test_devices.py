"""The same script on every array library, errors where two of them meet, and moved models."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils._array_api import get_namespace_and_device, move_estimator_to

import xpnet
from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def test_same_predictions_everywhere(few, on_device):
    check_same_predictions(few, on_device)


@pytest.mark.parametrize("eager_xp", ["torch"], indirect=True)
def test_same_predictions_under_dispatch(few, on_device):
    with config_context(array_api_dispatch=True):
        check_same_predictions(few, on_device)


def check_same_predictions(few, on_device):
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
    wrong = few.y[::-1].copy()
    found = model.score(X, on_device.asarray(wrong, "int64"))
    assert found == reference.score(few.X, wrong)  # to the bit: it is a quotient of counts


def test_same_regression_everywhere(few, on_device):
    check_same_regression(few, on_device, np.stack([few.y, few.X[:, 10]], axis=1))


@pytest.mark.parametrize("eager_xp", ["torch"], indirect=True)
def test_same_regression_of_one_output(few, on_device):
    check_same_regression(few, on_device, few.y)


def check_same_regression(few, on_device, y):
    X, there = on_device.asarray(few.X), on_device.asarray(y)
    model = MLPRegressor(**SETTINGS, early_stopping=True).fit(X, there)
    reference = MLPRegressor(**SETTINGS, early_stopping=True).fit(few.X, y)
    predicted = model.predict(X)
    assert backend.where(predicted) == backend.where(X)
    assert predicted.shape == reference.predict(few.X).shape
    np.testing.assert_allclose(on_device.to_numpy(predicted), reference.predict(few.X), atol=1e-4)
    assert model.loss_curve_ == pytest.approx(reference.loss_curve_, rel=1e-4)
    assert model.score(X, there) == pytest.approx(reference.score(few.X, y), abs=1e-4)
    weights = on_device.asarray(few.y + 1.0)
    expected = reference.score(few.X, y, sample_weight=few.y + 1.0)
    assert model.score(X, there, sample_weight=weights) == pytest.approx(expected, abs=1e-4)


def test_lbfgs_everywhere(few, on_device):
    X, y = on_device.asarray(few.X), on_device.asarray(few.y, "int64")
    model = MLPClassifier((8,), solver="lbfgs", max_iter=300, random_state=0).fit(X, y)
    assert backend.where(model.coefs_[0]) == backend.where(X)
    assert model.score(X, y) == 1.0


@pytest.fixture
def elsewhere(few, second_cuda_device):
    """X, y and weights on a device that is not the current one."""
    there = second_cuda_device.asarray
    return there(few.X), there(few.y, "int64"), there(1.0 + few.y)


SOLVERS = {
    "adam": MLPClassifier(**SETTINGS, early_stopping=True),
    "lbfgs": MLPClassifier(**SETTINGS, solver="lbfgs", class_weight="balanced"),
    "logistic": LogisticRegression(max_iter=3),
    "regressor": MLPRegressor(**SETTINGS, early_stopping=True),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_on_a_device_that_is_not_the_current_one(few, elsewhere, name):
    X, y, weights = elsewhere
    model, reference = clone(SOLVERS[name]), clone(SOLVERS[name])
    score = model.fit(X, y, sample_weight=weights).score(X, y, sample_weight=weights)
    reference.fit(*few, sample_weight=1.0 + few.y)
    assert score == pytest.approx(reference.score(*few, sample_weight=1.0 + few.y), abs=1e-3)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(model, method):
            answer = getattr(model, method)(X)
            assert backend.where(answer) == "cupy on cuda:1"
            expected = getattr(reference, method)(few.X)
            np.testing.assert_allclose(backend.to_numpy(answer), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "known"), [(MLPClassifier, {"classes": np.arange(10)}), (MLPRegressor, {})]
)
def test_partial_fit_on_a_device_that_is_not_the_current_one(elsewhere, kind, known):
    X, y, weights = elsewhere
    model = kind(**SETTINGS)
    for _ in range(2):
        model.partial_fit(X, y, sample_weight=weights, X_val=X, y_val=y, **known)
    assert backend.where(model.coefs_[0]) == "cupy on cuda:1"


def test_names_of_classes_on_a_device_that_is_not_the_current_one(few, elsewhere, classifier):
    names = np.char.add("digit ", few.y.astype(str))
    assert classifier.fit(elsewhere[0], names).predict(elsewhere[0]).shape == names.shape


def test_names_stay_on_the_host(few, classifier, on_device):
    X, names = on_device.asarray(few.X), np.char.add("digit ", few.y.astype(str))
    model = clone(classifier).fit(X, names)
    assert isinstance(model.classes_, np.ndarray)
    reference = classifier.fit(few.X, names)
    assert (model.predict(X) == reference.predict(few.X)).all()
    assert model.score(X, names) == pytest.approx(reference.score(few.X, names))


def test_y_and_weights_are_brought_to_the_samples(few, on_device):
    X = on_device.asarray(few.X)
    model = MLPClassifier(**SETTINGS).fit(X, few.y.tolist(), sample_weight=np.ones(200))
    assert backend.where(model.predict(X)) == backend.where(X)
    assert backend.where(model.classes_) == backend.where(X)


def test_labels_keep_their_dtype(few, on_device):
    X = on_device.asarray(few.X)
    for dtype in ("bool", "float32", "uint8"):
        y = on_device.asarray(few.y % 2, dtype)
        assert MLPClassifier(**SETTINGS).fit(X, y).predict(X).dtype == y.dtype


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
        (LogisticRegression, "decision_function"),
    ],
)
def test_another_librarys_array_is_refused_with_the_fix(few, estimator, method):
    model = (estimator() if estimator is LogisticRegression else estimator(**SETTINGS)).fit(*few)
    X = backend.asarray(few.X, backend="torch")
    with pytest.raises(ValueError, match=rf"{method}\(\) must use the same namespace") as refused:
        getattr(model, method)(X)
    for part in ("numpy on cpu", "torch on cpu", "model.to_device(X)"):
        assert part in str(refused.value)
    moved = model.to_device(X)
    assert backend.where(getattr(moved, method)(X)).startswith("torch")
    held = model.intercept_ if estimator is LogisticRegression else model.coefs_[0]
    brought = xpnet.to_device(X, held)
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
def test_frames(few, classifier, library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip([f"p{i}" for i in range(64)], few.X.T, strict=True)))
    model = clone(classifier).fit(frame, few.y)
    assert list(model.feature_names_in_) == list(frame.columns)
    reference = classifier.fit(*few)
    assert (model.predict(frame) == reference.predict(few.X)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[[f"p{i}" for i in reversed(range(64))]])


def test_dask_is_refused(few):
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"X is a Dask array.*X.compute\(\)"):
        MLPClassifier(**SETTINGS).fit(dask.from_array(few.X), few.y)


def test_predictions_come_in_chunks(few, monkeypatch):
    from xpnet.estimators import _prediction

    model = MLPClassifier(**SETTINGS).fit(*few)
    whole = model.predict_proba(few.X)
    seen = []
    forward = _prediction.unchecked_forward
    monkeypatch.setattr(_prediction, "CHUNK_BYTES", 4 * (64 + 16 + 10) * 30)
    monkeypatch.setattr(
        _prediction,
        "unchecked_forward",
        lambda net, params, X, kernels: seen.append(X.shape[1]) or forward(net, params, X, kernels),
    )
    np.testing.assert_allclose(model.predict_proba(few.X), whole, atol=1e-6)
    assert seen == [30] * 6 + [20]


def test_input_is_never_written_to_and_nothing_is_warned_of(few, classifier):
    weights = np.linspace(0, 1, 200)
    X, y, s = few.X.copy(), few.y.copy(), weights.copy()
    for array in (X, y, s):
        array.flags.writeable = False
    classifier.set_params(class_weight="balanced", max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(X, y, s).score(X, y, s)
    assert (X == few.X).all()
    assert (y == few.y).all()
    assert (s == weights).all()


@pytest.fixture
def model(few):
    settings = {"max_iter": 3, "random_state": 0, "early_stopping": True}
    return MLPClassifier((8,), **settings).fit(*few)


def test_to_a_library_and_back(few, model, eager_xp):
    there = model.to_device(eager_xp.backend)
    X = eager_xp.asarray(few.X)
    assert backend.where(there.classes_) == backend.where(X)
    assert (eager_xp.to_numpy(there.predict(X)) == model.predict(few.X)).all()
    back = there.to_device("numpy")
    assert (back.coefs_[0] == model.coefs_[0]).all()
    assert back.classes_.dtype == model.classes_.dtype
    assert back.get_params() == model.get_params()


def test_beside_data(few, model):
    X = backend.asarray(few.X, backend="torch")
    there = model.to_device(X)
    assert (there.predict(X).numpy() == model.predict(few.X)).all()
    assert isinstance(there.to_device(few.X.tolist()).coefs_[0], np.ndarray)


def test_to_another_device_of_its_library(few, model):
    there = model.to_device("array_api_strict").to_device("device1")
    assert backend.where(there.coefs_[0]) == "array_api_strict on device1"
    assert backend.where(there._best_params[0].W) == "array_api_strict on device1"
    assert backend.where(there.to_device("cpu").coefs_[0]) == "array_api_strict on cpu"


def test_numpys_gpu_is_cupys(model):
    try:
        backend.resolve("cupy")
    except backend.BackendError:
        with pytest.raises(backend.BackendError, match="'cupy'"):
            model.to_device("cuda")
    else:
        there = model.to_device("cuda")
        assert backend.where(there.coefs_[0]) == "cupy on cuda:0"
        assert isinstance(there.to_device("cpu").coefs_[0], np.ndarray)


def test_a_device_that_is_not_there(model):
    with pytest.raises(backend.BackendError, match="has no device 'tpu' here: choose one of cpu"):
        model.to_device("torch").to_device("tpu")


def test_a_moved_model_is_a_copy_that_goes_on_training(few, model):
    before = model.coefs_[0].copy()
    X = backend.asarray(few.X, backend="torch")
    there = model.to_device(X).partial_fit(X, few.y)
    assert len(there.loss_curve_) == 4
    assert (model.coefs_[0] == before).all()
    assert len(model.loss_curve_) == 3


def test_scikit_learns_own_way_of_moving(few, model):
    X = backend.asarray(few.X, backend="torch")
    with config_context(array_api_dispatch=True):
        xp, _, device = get_namespace_and_device(X)
        there = move_estimator_to(model, xp, device)
    assert (there.predict(X).numpy() == model.predict(few.X)).all()


@pytest.mark.parametrize("target", [None, 5])
def test_no_place_to_move_to(target):
    with pytest.raises(TypeError, match="expected a device or library by name"):
        LogisticRegression().fit([[0.0], [1.0]], [0, 1]).to_device(target)
