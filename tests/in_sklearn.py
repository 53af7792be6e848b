"""Plugin for pytest by which scikit-learn's own tests of some classes and functions test ours.

Before these tests are imported, ours take the place of scikit-learn's of the same name.
"""

from __future__ import annotations

from sklearn import ensemble as their_ensemble
from sklearn import model_selection as theirs

from xpnet import model_selection as ours

for name in ours.__all__:
    setattr(their_ensemble if name.startswith("Bagging") else theirs, name, getattr(ours, name))
