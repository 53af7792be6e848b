"""Damaged files of estimators: one kind of error, or a model that works."""

from __future__ import annotations

import copy
import json
import random
import struct
import warnings

import numpy as np
import pytest

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet.persist import ModelFileError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(30, 3))
NAMES = np.array(["a", "b", "cc"])[np.arange(30) % 3]
SHORT = {"max_iter": 2, "random_state": 0}
MODELS = {
    "names": MLPClassifier((4,), early_stopping=True, class_weight={"a": 2.0}, **SHORT),
    "several": MLPRegressor(hidden_layer_sizes=(4,), n_iter_no_change=np.inf, **SHORT),
    "linear": LogisticRegression(C=np.inf, max_iter=5),
}
TARGETS = {"names": NAMES, "several": X[:, :2], "linear": NAMES}
ODD = [
    *(None, True, 0, -1, 10**30, 1.5, float("nan"), float("-inf"), "", "x", "fit", "__class__"),
    *([], [1], [[]], {}, {"a": 1}, {"pairs": 5}, {"pairs": [[[1], 2]]}, {"tuple": 3}),
    *({"names": ["a"], "kind": "U999999999"}, {"names": 3, "kind": "U"}, {"float": []}),
    *("fitted.predict", "_rate", "coefs_", "classes_", "solver", "logistic", {"float": "inf"}),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Each model's file, as bytes."""
    path = tmp_path_factory.mktemp("models") / "model"
    saved = {}
    for name, model in MODELS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, TARGETS[name]).save(path)
        saved[name] = path.read_bytes()
    return saved


def parts(data):
    """The header of a safetensors file, its record of ours, and the tensors."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["xpnet"]), data[8 + length :]


def joined(header, record, body):
    header["__metadata__"]["xpnet"] = json.dumps(record)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def paths_within(value, path=()):
    """The paths to all values within `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in inside:
        yield (*path, key)
        if isinstance(entry, dict | list):
            yield from paths_within(entry, (*path, key))


def with_another_value(record, chance):
    """The record, with one to three values put out, renamed or replaced."""
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice(list(paths_within(record)) or [("format",)])
        holder = record
        for key in path:
            holder = holder[key]
        value = holder.pop(last)
        if chance.random() < 0.3 and isinstance(holder, dict):
            holder[str(chance.choice(ODD))] = value
        elif isinstance(holder, dict):
            holder[last] = copy.deepcopy(chance.choice(ODD))
        elif chance.random() < 0.8:
            holder.insert(last, copy.deepcopy(chance.choice(ODD)))
    return record


def with_other_tensors(header, chance):
    """The header, with one tensor of another dtype, shape or name."""
    name = chance.choice([name for name in header if name != "__metadata__"])
    change = chance.choice(["dtype", "shape", "name"])
    if change == "name":
        header[f"metadata.fitted.{chance.choice(ODD)}"] = header.pop(name)
    else:
        odd = {"dtype": ["F16", "I64", "BOOL", "U8"], "shape": [[], [0], [10**12], [2, 2]]}
        header[name][change] = chance.choice(odd[change])
    return header


def mutated(data, chance):
    if chance.random() < 0.3:
        changed = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(32, 127)
        return bytes(changed)
    header, record, body = parts(data)
    if chance.random() < 0.3:
        return joined(with_other_tensors(header, chance), record, body)
    return joined(header, with_another_value(record, chance), body)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_is_refused_in_one_line_or_is_a_model(files, name, tmp_path):
    path, cls = tmp_path / "model", type(MODELS[name])
    errors = []
    for seed in range(150):
        path.write_bytes(mutated(files[name], random.Random(seed)))
        try:
            model = cls.load(path)
        except ModelFileError as error:
            errors.append(str(error))
        else:
            assert len(model.predict(X)) == 30, f"seed {seed}"
            model.save(tmp_path / "again")
            repr(model)
    assert len(errors) > 75
    assert max(map(len, errors)) <= 300 + len(str(path))
    assert not any("\n" in error for error in errors)


REFUSED = {
    "no-parameters": ("parameters", None, "it has no parameters"),
    "another-class": ("estimator", "Pipeline", "it holds Pipeline: expected MLPClassifier"),
    "another-line": ("estimator", "a\nb", "it holds a b: expected"),
    "unknown": ("parameters", {"colour": 1}, "unexpected keyword argument 'colour'"),
    "wide-names": (
        "parameters",
        {"class_weight": {"names": ["a"], "kind": "U999999999"}},
        "expected a list, of kind U, O, T",
    ),
    "parameter": ("parameters", {"alpha": "x"}, "The 'alpha' parameter of MLPClassifier must be"),
    "callbacks": ("parameters", {"callbacks": ["os.system"]}, "callbacks holds 'os.system'"),
    "method": ("fitted", {"predict": 1}, "predict is 1"),
    "missing": ("fitted", {"n_iter_": None}, "n_iter_ is None"),
    "other-outputs": ("fitted", {"out_activation_": "identity"}, "are not those of Network"),
    "other-features": ("fitted", {"n_features_in_": 7}, "features are not 3"),
    "fewer-names": (
        "fitted",
        {"feature_names_in_": {"names": ["a", "b"], "kind": "O"}},
        "features are not 3",
    ),
    "fewer-classes": (
        "fitted",
        {"classes_": {"names": ["a", "b"], "kind": "U"}},
        "its 2 classes are no multiclass target of 3",
    ),
    "classes-twice": ("fitted", {"classes_": {"names": ["a"] * 3, "kind": "U"}}, "classes_ is"),
    "half-a-curve": ("fitted", {"loss_curve_": "x"}, "loss_curve_ is 'x'"),
}


@pytest.mark.parametrize(("part", "change", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_said(files, tmp_path, part, change, reason):
    header, record, body = parts(files["names"])
    is_part = isinstance(change, dict)
    record["metadata"][part] = record["metadata"][part] | change if is_part else change
    path = tmp_path / "model"
    path.write_bytes(joined(header, record, body))
    with pytest.raises(ModelFileError, match=reason):
        MLPClassifier.load(path)


def test_what_epochs_leave_is_there_as_a_whole(files, tmp_path):
    header, record, body = parts(files["names"])
    del record["metadata"]["fitted"]["loss_curve_"]
    path = tmp_path / "model"
    path.write_bytes(joined(header, record, body))
    with pytest.raises(ModelFileError, match="it has not all of loss_curve_, validation_scores_,"):
        MLPClassifier.load(path)


@pytest.mark.parametrize("name", MODELS)
def test_infinite_settings_and_scores_come_back(files, name, tmp_path):
    path, model = tmp_path / "model", MODELS[name]
    path.write_bytes(files[name])
    assert "Infinity" not in json.dumps(parts(files[name])[1])
    assert type(model).load(path).get_params() == model.get_params()


def test_weights_that_are_not_finite_are_saved_and_loaded_only_if_asked(tmp_path):
    path, model = tmp_path / "model", LogisticRegression().fit(X, NAMES)
    model.coef_ = model.coef_ * np.nan
    with pytest.raises(ValueError, match="allow_nonfinite=True"):
        model.save(path)
    assert not path.exists()
    model.save(path, allow_nonfinite=True)
    with pytest.raises(ModelFileError, match="allow_nonfinite=True"):
        LogisticRegression.load(path)
    assert np.isnan(LogisticRegression.load(path, allow_nonfinite=True).coef_).all()
