//! Seven body types of cars, drawn from parameters.
