"""scikit-learn's conventions: private names, constraints on parameters, warnings, tooltips."""
