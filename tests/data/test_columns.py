from __future__ import annotations

import pytest

from xpnet.data import Columns


@pytest.mark.parametrize(
    ("label", "features"), [(0, ("a", "b")), (1, ("kind", "b")), (2, ("kind", "a"))]
)
def test_features_are_all_columns_but_the_label(label, features):
    assert Columns(("kind", "a", "b"), label, named=True).features == features
