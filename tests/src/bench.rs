//! What the figures of `make bench` have in common.
