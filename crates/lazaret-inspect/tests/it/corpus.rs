//! Objects that the tests make.
