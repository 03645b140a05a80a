//! Tests of phi.
