//! Convolutional networks as data: graphs, shape inference, costs, drawings.
