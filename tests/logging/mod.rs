//! Promise 6: nothing leaks into the stream, and logging never fails, delays or stops mail. Design section 8.

mod lines;
mod metrics;
mod panics;
mod stderr;
mod syslog;
