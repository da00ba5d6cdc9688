//! What tests need and no release has: a panic, an allocation failure or a stack overflow, forced at a stage. Empty
//! without the `test-hooks` feature.

/// Called as a stage is entered; SMTPS_BRIDGE_TEST_PANIC and SMTPS_BRIDGE_TEST_ABORT name it.
#[cfg(feature = "test-hooks")]
pub fn enter(stage: &str) {
    let is = |name: &str, value: &str| std::env::var(name).as_deref() == Ok(value);
    assert!(!is("SMTPS_BRIDGE_TEST_PANIC", stage), "forced by a test at {stage}\nsecond line");
    if stage == "greeting" && is("SMTPS_BRIDGE_TEST_ABORT", "alloc") {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>());
    }
    if stage == "greeting" && is("SMTPS_BRIDGE_TEST_ABORT", "stack") {
        overflow(0);
    }
}

#[cfg(not(feature = "test-hooks"))]
pub fn enter(_stage: &str) {}

#[cfg(feature = "test-hooks")]
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 512]);
    overflow(depth + 1) + frame.len()
}
