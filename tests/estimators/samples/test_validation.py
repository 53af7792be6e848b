"""Validation of data and parameters: scikit-learn's errors, in NumPy and on a device alike."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.utils import check_array

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ONES = np.ones((6, 3), dtype=np.float32)
LABELS = np.arange(6) % 2
SETTINGS = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}


def holed(value):
    X = ONES.copy()
    X[2, 1] = value
    return X


@pytest.fixture(params=["numpy", "torch", "array_api_strict-device1"])
def there(request):
    """A function that puts host values into one library, dtype kept."""
    library, _, device = request.param.partition("-")
    place = backend.resolve(library, device=device or None)
    return lambda values: backend.asarray(values, backend=place, dtype=np.asarray(values).dtype)


SAMPLES = {
    "nan": (holed(np.nan), "Input X contains NaN"),
    "infinity": (holed(np.inf), "Input X contains infinity"),
    "one-dimensional": (ONES[0], "Expected 2D array, got 1D array instead"),
    "no-samples": (ONES[:0], "0 sample"),
    "no-features": (ONES[:, :0], "0 feature"),
    "complex": (ONES * 1j, "Complex data not supported"),
}


@pytest.mark.parametrize(("X", "message"), SAMPLES.values(), ids=SAMPLES)
def test_samples(there, X, message):
    y = there(LABELS[: X.shape[0]])
    for estimator in (MLPClassifier, MLPRegressor):
        with pytest.raises(ValueError, match=message):
            estimator(**SETTINGS).fit(there(X), y)


def test_samples_of_another_width(there):
    model = MLPClassifier(**SETTINGS).fit(there(ONES), there(LABELS))
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 3"):
        model.predict(there(ONES[:, :2]))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(there(holed(np.nan)))


WEIGHTS = {
    "negative": (-LABELS - 1.0, "Negative values in data passed to `sample_weight`"),
    "all-zero": (np.zeros(6), "Sample weights must contain at least one non-zero number"),
    "nan": (np.full(6, np.nan), "Input sample_weight contains NaN"),
    "too-few": (np.ones(5), r"sample_weight.shape == \(5,\), expected \(6,\)"),
}


@pytest.mark.parametrize(("weights", "message"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights(there, weights, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**SETTINGS).fit(there(ONES), there(LABELS), there(weights))


TARGETS = {
    "continuous": (MLPClassifier, LABELS + 0.5, "Unknown label type: continuous"),
    "several-columns": (
        MLPClassifier,
        np.stack([LABELS, LABELS + 2], axis=1),
        "Multioutput target data is not supported with label binarization",
    ),
    "too-few": (MLPClassifier, LABELS[:5], "inconsistent numbers of samples"),
    "nan": (MLPRegressor, np.where(LABELS, np.nan, 1.0), "Input y contains NaN"),
    "infinite": (MLPRegressor, np.where(LABELS, np.inf, 1.0), "Input y contains infinity"),
}


@pytest.mark.parametrize(("estimator", "y", "message"), TARGETS.values(), ids=TARGETS)
def test_targets(there, estimator, y, message):
    with pytest.raises(ValueError, match=message):
        estimator(**SETTINGS).fit(there(ONES), there(y))


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_no_targets(there, estimator):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        estimator(**SETTINGS).fit(there(ONES), None)


def test_a_column_of_labels_is_taken_with_a_warning(there):
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        model = MLPClassifier(**SETTINGS).fit(there(ONES), there(LABELS[:, None]))
    assert model.predict(there(ONES)).shape == (6,)


def test_negative_counts(there):
    with pytest.raises(ValueError, match=r"out of the valid range of the loss 'poisson'.*got -1"):
        MLPRegressor(**SETTINGS, loss="poisson").fit(there(ONES), there(LABELS - 1.0))


@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_one_class_is_always_predicted_as_by_scikit_learn(device):
    X = backend.asarray(ONES, backend=device)
    y = np.full(6, 7)
    model = MLPClassifier(**SETTINGS).fit(X, y)
    reference = TheirClassifier(**SETTINGS).fit(ONES, y)
    assert backend.to_numpy(model.predict(X)).tolist() == [7] * 6
    np.testing.assert_allclose(
        backend.to_numpy(model.predict_proba(X)), reference.predict_proba(ONES), rtol=1e-5
    )


def test_not_fitted(there):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        MLPRegressor().predict(there(ONES))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"solver": "newton"}, "The 'solver' parameter of MLPClassifier must be"),
        ({"activation": "swish"}, "The 'activation' parameter of MLPClassifier must be"),
        ({"hidden_layer_sizes": (4, 0)}, r"hidden_layer_sizes must be > 0, got \[4, 0\]"),
        ({"alpha": -1.0}, "The 'alpha' parameter of MLPClassifier must be"),
        ({"dropout": 1.0}, "The 'dropout' parameter of MLPClassifier must be"),
        ({"init": "warm"}, "The 'init' parameter of MLPClassifier must be"),
        ({"class_weight": "fair"}, "The 'class_weight' parameter of MLPClassifier must be"),
        ({"scoring": 1}, "The 'scoring' parameter of MLPClassifier must be"),
        ({"clip_norm": 0.0}, "The 'clip_norm' parameter of MLPClassifier must be"),
    ],
)
def test_parameters(setting, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**SETTINGS | setting).fit(ONES, LABELS)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"solver": lambda rate: rate}, r"solver returned .*: expected an Optimizer, made from"),
        ({"callbacks": [ProgressBar()]}, r"callbacks holds .*ProgressBar.*set_callbacks"),
    ],
)
def test_parameters_of_another_kind(setting, message):
    with pytest.raises(TypeError, match=message):
        MLPClassifier(**SETTINGS | setting).fit(ONES, LABELS)


@pytest.mark.parametrize("estimator", [MLPClassifier(**SETTINGS), LogisticRegression()])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({0: -3.0}, "class_weight gives class 0 a weight of -3.0: expected a number, 0 or more"),
        ({1: np.nan}, "class_weight gives class 1 a weight of nan"),
        ({1: np.inf}, "class_weight gives class 1 a weight of inf"),
        ({0: 0.0, 1: 0.0}, "class_weight gives every class a weight of 0"),
    ],
)
def test_weights_of_classes_that_cannot_be(few, estimator, weights, message):
    with pytest.raises(ValueError, match=message):
        clone(estimator).set_params(class_weight=weights).fit(few.X, few.y % 2)


def test_new_classes_are_printed_as_by_scikit_learn():
    for model in (MLPClassifier(**SETTINGS, warm_start=True), TheirClassifier(**SETTINGS)):
        model.set_params(warm_start=True).fit(ONES, LABELS)
        with pytest.raises(ValueError, match=r"Previously got \[0 1\], `y` has \[0 1 2\]$"):
            model.fit(ONES, np.arange(6) % 3)
    partly = MLPClassifier(**SETTINGS).partial_fit(ONES, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match=r"self.classes_` has \[0 1\]. 'y' has \[0 1 2\]\."):
        partly.partial_fit(ONES, np.arange(6) % 3)
    many = MLPClassifier((), max_iter=1, warm_start=True)
    X, y = np.eye(100).repeat(2, axis=0), np.arange(200) // 2
    many.fit(X, y)
    with pytest.raises(ValueError, match=r"got \[ *0 +1 +2 \.\.\. 97 98 99\]"):
        many.fit(X, y + 1)


@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_a_class_too_small_to_be_split_is_named_by_its_label(device):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.where(np.arange(40) < 39, 7, 3)
    X = backend.asarray(X, backend=device)
    with pytest.raises(ValueError, match=r"too few members are: \[3\]"):
        MLPClassifier(**SETTINGS, early_stopping=True).fit(X, y)


def test_outputs_that_are_not_the_models(few):
    several = np.stack([few.y, few.y % 3], axis=1)
    model = MLPRegressor(**SETTINGS, warm_start=True)
    with pytest.raises(ValueError, match=r"y_val has 2 output\(s\), but the model has 1"):
        model.fit(*few, X_val=few.X, y_val=several)
    model.fit(*few)
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"y has 2 output\(s\), but the model has 1"):
            again(few.X, several)


def test_weights_without_a_validation_set(few):
    with pytest.raises(ValueError, match="sample_weight_val belongs to it: give X_val and y_val"):
        MLPRegressor(**SETTINGS).fit(*few, sample_weight_val=np.ones(5))


def test_a_sparse_tensor_is_refused(few):
    torch = pytest.importorskip("torch")
    X = torch.asarray(few.X)
    with pytest.raises(TypeError, match=r"layout torch\.sparse_coo: expected a dense one, X\.to_d"):
        MLPClassifier(**SETTINGS).fit(X.to_sparse(), few.y)
    model = MLPClassifier(**SETTINGS).fit(X, few.y)
    with pytest.raises(TypeError, match="layout torch"):
        model.predict(X.to_sparse())


def test_a_sparse_array_of_jax_is_refused(few):
    sparse = pytest.importorskip("jax.experimental.sparse")
    X = sparse.BCOO.fromdense(few.X)
    with pytest.raises(
        TypeError, match=r"X is a BCOO, a sparse array: expected a dense one, X\.to"
    ):
        MLPClassifier(**SETTINGS).fit(X, few.y)
    model = MLPClassifier(**SETTINGS).fit(*few)
    with pytest.raises(TypeError, match="X is a BCOO"):
        model.predict(X)


def test_a_batch_larger_than_the_samples_is_clipped():
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        MLPClassifier(**SETTINGS, batch_size=100).fit(ONES, LABELS)


def test_too_few_samples_to_split():
    with pytest.raises(ValueError, match=r"validation set is too small\. Increase 'validation_fra"):
        MLPRegressor(**SETTINGS, early_stopping=True).fit(ONES, LABELS)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_what_goes_in_comes_through_scikit_learns_own_check(few, estimator):
    model = estimator(**SETTINGS).fit(few.X.tolist(), few.y.tolist())
    predicted = model.predict(np.asfortranarray(few.X, dtype=np.float64))
    assert check_array(predicted, ensure_2d=False).shape == (200,)


X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
SHORT = {"max_iter": 2, "random_state": 0}
ESTIMATORS = {
    "classifier": MLPClassifier((4,), **SHORT),
    "regressor": MLPRegressor(hidden_layer_sizes=4, **SHORT),
    "logistic": LogisticRegression(),
}
each = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


@each
def test_targets_without_samples(there, estimator):
    for y in (5, "abc", np.asarray(3)):
        with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(\)"):
            estimator.fit(there(X), y)


@each
def test_masks_are_not_looked_past(estimator):
    masked = np.ma.masked_array(X, mask=X > 1)
    with pytest.raises(ValueError, match=r"^X is a masked array with \d+ masked .*X\.filled"):
        estimator.fit(masked, Y)
    with pytest.raises(ValueError, match=r"^y is a masked array with 1 masked"):
        estimator.fit(X, np.ma.masked_array(Y, mask=np.arange(40) == 3))
    with pytest.raises(ValueError, match=r"^sample_weight is a masked array with 1 masked"):
        estimator.fit(X, Y, np.ma.masked_array(np.ones(40), mask=np.arange(40) == 3))
    fitted = estimator.fit(np.ma.masked_array(X), Y)
    with pytest.raises(ValueError, match=r"^X is a masked array"):
        fitted.predict(masked)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("logistic", dtype) for dtype in (">f8", ">f4", "f2", np.longdouble, ">i4")),
        *((name, dtype) for name in ("classifier", "regressor") for dtype in (">f8", "f2")),
    ],
)
def test_other_layouts_of_numbers_are_converted(there, name, dtype):
    """As scikit-learn converts them; all but float32 and float64 go to float64."""
    estimator = ESTIMATORS[name]
    odd = (X * 8).round().astype(dtype)
    plain = odd.astype(np.float64)
    expected = estimator.fit(plain, Y).predict(plain)
    np.testing.assert_array_equal(estimator.fit(odd, Y, np.ones(40, dtype)).predict(odd), expected)
    fitted = estimator.fit(there(plain), Y.astype(dtype), np.ones(40, dtype))
    np.testing.assert_allclose(backend.to_numpy(fitted.predict(there(plain))), expected, rtol=1e-5)


def test_bfloat16_labels_are_taken():
    torch = pytest.importorskip("torch")
    model = MLPClassifier((4,), **SHORT).fit(torch.asarray(X), torch.asarray(Y).bfloat16())
    assert model.classes_.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("estimator", "weighed"), [(MLPClassifier, 38), (MLPRegressor, 5)])
def test_a_part_without_weight(there, estimator, weighed):
    weights = there(np.eye(40)[weighed])
    model = estimator(hidden_layer_sizes=4, early_stopping=True, validation_fraction=0.5, **SHORT)
    with pytest.raises(ValueError, match=r"fraction leaves to (train|validate) on weigh 0"):
        model.fit(there(X), there(Y), weights)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero"):
        model.fit(
            there(X), there(Y), X_val=there(X), y_val=there(Y), sample_weight_val=there(0.0 * Y)
        )


def test_scores_of_other_targets(there):
    classifier = ESTIMATORS["classifier"].fit(there(X), there(Y))
    regressor = ESTIMATORS["regressor"].fit(there(X), there(X[:, 0]))
    for model in (classifier, regressor):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.score(there(X), there(Y[:5]))
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but|different number of output"):
        regressor.score(there(X), there(X[:, :2]))
