//! Runs marque graphs on LibTorch.
