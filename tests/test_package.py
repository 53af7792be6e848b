"""Package as a whole: imports, public names, version."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import xpnet
from xpnet.backend.libraries import LIBRARIES

OPTIONAL = {
    *("matplotlib", "ndonnx", "numba", "onnx", "pandas", "polars", "rich", "scipy", "sklearn"),
    *("spox", "typer"),
    *(name for name in LIBRARIES if name != "numpy"),
}


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after `statement`."""
    script = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_import_loads_no_optional_package():
    loaded = loaded_by("import xpnet")
    assert "xpnet" in loaded
    assert loaded.isdisjoint(OPTIONAL)


def test_the_command_line_is_there_before_anything_heavy_is():
    assert loaded_by("from xpnet.cli import main").isdisjoint({"numpy", "safetensors", *OPTIONAL})


@pytest.mark.parametrize(("samples", "compiled"), [(16, False), (17, True)])
def test_a_few_samples_are_predicted_without_a_compiler(samples, compiled):
    pytest.importorskip("numba", reason="numba is not installed")
    predicted = f"net.init(xp='numpy'), numpy.ones((4, {samples}), 'float32')"
    loaded = loaded_by(
        f"import numpy, xpnet; net = xpnet.Network((4, 3)); xpnet.predict(net, {predicted})"
    )
    assert ("numba" in loaded) == compiled


def test_an_optional_package_would_be_noticed():
    assert "rich" in loaded_by("import xpnet, rich")


@pytest.mark.parametrize("name", xpnet.__all__)
def test_public_name_resolves(name):
    assert getattr(xpnet, name) is not None


@pytest.mark.parametrize("name", xpnet._MODULES)
def test_a_module_is_a_name_of_its_own(name):
    assert getattr(xpnet, name) is importlib.import_module(f"xpnet.{name}")
    assert name in xpnet.__all__


def test_type_checkers_know_every_public_name():
    tree = ast.parse(resources.files("xpnet").joinpath("__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    listed = {}
    for statement in block.body:
        home = importlib.import_module(statement.module)
        for name in statement.names:
            if statement.module == "xpnet":
                importlib.import_module(f"xpnet.{name.name}")
            listed[name.asname] = getattr(home, name.name)
    assert listed == {name: getattr(xpnet, name) for name in xpnet.__all__}


def test_every_error_is_at_hand():
    from xpnet import backend, data, persist

    assert xpnet.BackendError is backend.BackendError
    assert xpnet.DataError is data.DataError
    assert xpnet.ModelFileError is persist.ModelFileError


@pytest.mark.parametrize("name", ["LogisticRegression", "MLPClassifier", "MLPRegressor"])
def test_without_scikit_learn_an_estimator_names_what_installs_it(name):
    script = f"""
import sys, importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "sklearn" else found(name, *rest)
import xpnet
xpnet.{name}
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stderr.splitlines()[-1] == (
        "ImportError: xpnet's estimators need scikit-learn: pip install 'xpnet[sklearn]'"
    )


def home(thing: object) -> str:
    """The module where a function or class was written, or the class of a value."""
    return getattr(thing, "__module__", type(thing).__module__)


def test_all_holds_every_public_name_once():
    ours = {
        name
        for name, thing in vars(xpnet).items()
        if not name.startswith("_") and home(thing).startswith("xpnet.")
    }
    assert ours <= set(xpnet.__all__)
    assert len(xpnet.__all__) == len(set(xpnet.__all__))


def test_dir_shows_every_public_name():
    assert set(xpnet.__all__) <= set(dir(xpnet))


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        xpnet.no_such_name  # noqa: B018


def test_version_is_the_one_installed():
    assert xpnet.__version__ == metadata.version("xpnet")


def test_types_are_announced():
    assert resources.files("xpnet").joinpath("py.typed").is_file()


ESTIMATORS = sorted(Path(xpnet.__file__).with_name("estimators").rglob("*.py"))


def private_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sklearn":
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if name.startswith("_"))


@pytest.mark.parametrize("source", ESTIMATORS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_private_names_of_scikit_learn(source):
    found = list(private_names(ast.parse(source.read_text())))
    assert bool(found) == (source.parts[-2:] == ("_sklearn", "private.py"))


def test_without_scikit_learn_the_error_says_how_to_get_it():
    script = (
        "import sys; sys.modules['sklearn'] = None; import xpnet\n"
        "try: xpnet.MLPClassifier\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'xpnet[sklearn]'" in run.stdout
