//! Classification metrics that equal scikit-learn's.
