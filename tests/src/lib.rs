//! Whole-system tests and benchmarks on real networks
