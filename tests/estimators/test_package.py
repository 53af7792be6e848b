"""scikit-learn is optional, and its private side is met in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import resources

import pytest

SOURCES = sorted(
    path for path in resources.files("xpnet.estimators").iterdir() if path.name.endswith(".py")
)


def private_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sklearn":
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if name.startswith("_"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_private_names_of_scikit_learn(source):
    found = list(private_names(ast.parse(source.read_text())))
    assert bool(found) == (source.name == "_sklearn_private.py")


def test_without_scikit_learn_the_error_says_how_to_get_it():
    script = (
        "import sys; sys.modules['sklearn'] = None; import xpnet\n"
        "try: xpnet.MLPClassifier\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'xpnet[sklearn]'" in run.stdout
