//! Curves, heat maps and one-file HTML pages for classifiers.
