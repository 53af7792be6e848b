"""Arguments that are no data at all, or hide something, are named in one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
SHORT = {"max_iter": 2, "random_state": 0}
ESTIMATORS = {
    "classifier": MLPClassifier((4,), **SHORT),
    "regressor": MLPRegressor(hidden_layer_sizes=4, **SHORT),
    "logistic": LogisticRegression(),
}
each = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


@pytest.fixture(params=["numpy", "torch"])
def there(request):
    """A function that puts host values into one library."""
    return lambda values: backend.asarray(
        values, backend=request.param, dtype=np.asarray(values).dtype
    )


@each
@pytest.mark.parametrize("y", [5, "abc", np.asarray(3)], ids=["number", "text", "array"])
def test_targets_without_samples(there, estimator, y):
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(\) ins"):
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


@each
@pytest.mark.parametrize("dtype", [">f8", ">f4", "f2", np.longdouble, ">i4"])
def test_other_layouts_of_numbers_are_converted(there, estimator, dtype):
    """As scikit-learn converts them; all but float32 and float64 go to float64."""
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
    with pytest.raises(ValueError, match=r"all samples (held out|left to train on) by validation_"):
        model.fit(there(X), there(Y), weights)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero"):
        model.fit(
            there(X), there(Y), X_val=there(X), y_val=there(Y), sample_weight_val=there(0.0 * Y)
        )


@pytest.mark.parametrize("sizes", [(2.5,), ("a",), (None,), (True,), ((3, 2),), (np.nan,)])
def test_hidden_layers_of_no_whole_number_of_units(sizes):
    with pytest.raises(
        TypeError, match=r"hidden_layer_sizes holds .*: expected whole numbers abov"
    ):
        MLPClassifier(sizes, **SHORT).fit(X, Y)


@pytest.mark.parametrize("sizes", [np.array([3, 2]), (np.int64(3), 2), [3, 2]])
def test_hidden_layers_of_any_whole_numbers(sizes):
    assert MLPClassifier(sizes, **SHORT).fit(X, Y).coefs_[1].shape == (3, 2)


@pytest.mark.parametrize("weight", ["x", None])
def test_weights_of_classes_that_are_no_numbers(weight):
    with pytest.raises(TypeError, match=r"class_weight gives class 0 a weight of .*: expected a n"):
        LogisticRegression(class_weight={0: weight}).fit(X, Y)


def test_scores_of_other_targets(there):
    classifier = ESTIMATORS["classifier"].fit(there(X), there(Y))
    regressor = ESTIMATORS["regressor"].fit(there(X), there(X[:, 0]))
    for model in (classifier, regressor):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.score(there(X), there(Y[:5]))
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but|different number of output"):
        regressor.score(there(X), there(X[:, :2]))


@pytest.mark.parametrize("target", [None, 5])
def test_no_place_to_move_to(target):
    with pytest.raises(TypeError, match="expected a device or library by name"):
        LogisticRegression().fit(X, Y).to_device(target)


@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_samples_whose_squares_overflow(device):
    huge = backend.asarray(X * 1e300, backend=device, dtype="float64")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        model = LogisticRegression().fit(huge, Y)
    assert np.isfinite(backend.to_numpy(model.coef_)).all()
