//! Training, evaluation and prediction of image classifiers.
