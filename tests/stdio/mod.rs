//! Descriptors 0, 1 and 2: whatever they are, the mail goes through or an exit code says why not; and who may be behind
//! them.

mod closed;
mod devices;
mod kinds;
mod strangers;
mod terminal;
