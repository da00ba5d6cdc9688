//! The hostile world.

mod limbo;
