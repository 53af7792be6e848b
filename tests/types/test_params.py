from __future__ import annotations

from typing import NamedTuple

import pytest

from xpnet.types import LAYER_KINDS, Dense, map_params


class Other(NamedTuple):
    """A layer of another kind."""

    W: float
    b: float
    gain: float


def test_a_layer_keeps_its_type():
    params = (Dense(1, 2), Other(3, 4, 5))
    assert map_params(lambda x: 10 * x, params) == (Dense(10, 20), Other(30, 40, 50))
    mapped = map_params(lambda x, y: x - y, params, params)
    assert mapped == (Dense(0, 0), Other(0, 0, 0))
    assert [type(layer) for layer in mapped] == [Dense, Other]


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        map_params(lambda x, y: x, (Dense(1, 2),), ())


@pytest.mark.parametrize("kind", LAYER_KINDS)
def test_a_kind_of_layer_names_its_own_fields(kind):
    row = LAYER_KINDS[kind]
    assert len(row.shapes(3, 2)) == len(kind._fields)
    assert set(row.decayed) <= set(kind._fields)
