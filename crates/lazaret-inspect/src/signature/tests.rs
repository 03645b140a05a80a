//! Tests of signature.
