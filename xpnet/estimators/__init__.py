"""scikit-learn's interface, trained where the arrays live."""
