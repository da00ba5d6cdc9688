//! The arithmetic of the benchmark (benches/peers/numbers.rs): a wrong median would be believed.

#[path = "../../benches/peers/numbers.rs"]
mod numbers;

use numbers::{rounded, Ratio, Series};

fn series(values: &[f64]) -> Series {
    let mut series = Series::default();
    values.iter().for_each(|value| series.push(*value));
    series
}

/// Goal: the order in which values come does not matter, and an even count takes the middle of the two in the middle.
#[test]
fn a_median_is_the_middle_value() {
    assert_eq!(series(&[9.0, 1.0, 5.0]).median(), Some(5.0));
    assert_eq!(series(&[4.0, 1.0, 100.0, 2.0]).median(), Some(3.0));
    assert_eq!(series(&[]).median(), None);
}

/// Goal: one outlier, a stalled machine, neither moves the spread of many equal values nor hides in it.
#[test]
fn a_spread_is_the_interquartile_range_over_the_median() {
    assert_eq!(series(&[10.0, 10.0, 10.0, 10.0, 10.0, 900.0]).spread(), Some(0.0));
    assert_eq!(series(&[8.0, 9.0, 10.0, 11.0, 12.0]).spread(), Some(0.2));
    assert_eq!(series(&[0.0, 0.0]).spread(), None);
}

/// Goal: a ratio of quiet series is shown with its figure.
#[test]
fn a_ratio_of_quiet_series_is_shown() {
    let (ours, theirs) = (series(&[2.49, 2.5, 2.5, 2.5, 2.51]), series(&[9.9, 10.0, 10.0, 10.0, 10.1]));
    assert_eq!(Ratio::shown(ours.ratio(&theirs)), "0.25");
    assert_eq!(Ratio::shown(theirs.ratio(&ours)), "4.00");
    assert_eq!(Ratio::shown(theirs.ratio(&series(&[0.1; 5]))), "100.0");
    assert_eq!(Ratio::shown(series(&[0.1; 5]).ratio(&series(&[40.0; 5]))), "0.0025");
}

/// Goal: noise, a series too short to know its noise, and a missing or zero one give no ratio.
#[test]
fn a_ratio_that_the_noise_does_not_carry_is_not_shown() {
    let (quiet, noisy) = (series(&[10.0; 9]), series(&[2.0, 4.0, 7.0, 10.0, 10.0, 10.0, 13.0, 20.0, 90.0]));
    assert_eq!(Ratio::shown(quiet.ratio(&noisy)), "~");
    assert_eq!(Ratio::shown(noisy.ratio(&quiet)), "~");
    assert_eq!(Ratio::shown(quiet.ratio(&series(&[5.0; 4]))), "~");
    assert_eq!(Ratio::shown(quiet.ratio(&series(&[0.0; 9]))), "~");
    assert_eq!(Ratio::shown(quiet.ratio(&series(&[]))), "~");
}

/// Goal: more rounds make a ratio out of the same noise.
#[test]
fn rounds_make_a_noisy_ratio_known() {
    let noise = [8.0, 9.0, 10.0, 11.0, 12.0, 7.0, 13.0];
    let (few, many) = (series(&noise), series(&noise.repeat(20)));
    assert_eq!(Ratio::shown(few.ratio(&few)), "~");
    assert_eq!(Ratio::shown(many.ratio(&many)), "1.00");
}

/// Goal: a goal is reached or missed only when the whole interval lies on one side of it.
#[test]
fn a_goal_inside_the_noise_is_left_open() {
    let ratio = Ratio { value: 0.25, low: 0.2, high: 0.3 };
    assert_eq!(
        [0.31, 0.3, 0.25, 0.2, 0.19].map(|limit| ratio.at_most(limit)),
        [Some(true), Some(true), None, None, Some(false)]
    );
    assert_eq!(
        [0.31, 0.3, 0.25, 0.2, 0.19].map(|limit| ratio.at_least(limit)),
        [Some(false), None, None, Some(true), Some(true)]
    );
}

/// Goal: the floor of a session is the pipe's series, moved by what a warm handshake costs.
#[test]
fn a_fixed_cost_moves_a_whole_series() {
    assert_eq!(series(&[1.0, 2.0, 4.0]).plus(1.5).values(), [2.5, 3.5, 5.5]);
}

/// Goal: a figure has three digits that mean something, and no column of zeros.
#[test]
fn figures_are_rounded_to_three_digits() {
    assert_eq!(
        [0.0123, 0.2534, 3.754, 48.24, 99.97, 1024.4].map(rounded),
        ["0.012", "0.25", "3.75", "48.2", "100", "1024"]
    );
}
