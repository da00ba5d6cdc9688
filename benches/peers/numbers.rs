//! Medians, how far a series scatters, and which ratios it can carry. No I/O: tests/bench.rs tries it.

#![allow(dead_code, reason = "the benchmark and the tests each use their part of it")]

/// Below this a median says nothing about its own error.
const FEW: usize = 5;

/// A ratio is shown when its 95 % interval reaches no further than this factor to either side.
const CARRIED: f64 = 1.2;

/// The values of one program at one measure, one a round.
#[derive(Clone, Debug, Default)]
pub struct Series {
    values: Vec<f64>,
}

/// A ratio of two medians, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Series {
    pub fn push(&mut self, value: f64) {
        let at = self.values.partition_point(|other| *other <= value);
        self.values.insert(at, value);
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// In ascending order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The value below which the given part of the series lies, interpolated.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let place = part * (self.values.len().checked_sub(1)? as f64);
        let (below, above) = (self.values.get(place.floor() as usize)?, self.values.get(place.ceil() as usize)?);
        Some(below + (above - below) * place.fract())
    }

    /// The interquartile range, as a part of the median.
    pub fn spread(&self) -> Option<f64> {
        let range = self.quantile(0.75)? - self.quantile(0.25)?;
        self.median().filter(|median| *median > 0.0).map(|median| range / median)
    }

    /// The standard error of the median, as a part of it: that of a normal distribution of the same interquartile
    /// range (1.349 standard deviations), times 1.2533. None for a series too short to know.
    fn error(&self) -> Option<f64> {
        let long_enough = self.values.len() >= FEW;
        self.spread().filter(|_| long_enough).map(|spread| 1.2533 * spread / 1.349 / (self.values.len() as f64).sqrt())
    }

    /// The ratio of our median to the other's; None if one of them is missing, zero or too short.
    pub fn ratio(&self, other: &Series) -> Option<Ratio> {
        let (ours, theirs) = (self.median()?, other.median().filter(|median| *median > 0.0)?);
        // Errors of a ratio add up in squares; 1.96 standard errors hold 95 %.
        let reach = (1.96 * self.error()?.hypot(other.error()?)).exp();
        let value = ours / theirs;
        Some(Ratio { value, low: value / reach, high: value * reach })
    }

    /// Every value more by a fixed cost that was measured apart.
    pub fn plus(&self, cost: f64) -> Series {
        Series { values: self.values.iter().map(|value| value + cost).collect() }
    }
}

impl Ratio {
    /// Whether the noise allows this ratio to be shown at all.
    pub fn is_carried(&self) -> bool {
        self.value > 0.0 && self.high / self.value <= CARRIED
    }

    /// `0.24`, or `~` if the noise hides it.
    pub fn shown(ratio: Option<Ratio>) -> String {
        match ratio.filter(Ratio::is_carried) {
            Some(ratio) if ratio.value >= 10.0 => format!("{:.1}", ratio.value),
            Some(ratio) if ratio.value < 0.01 => format!("{:.4}", ratio.value),
            Some(ratio) => format!("{:.2}", ratio.value),
            None => "~".to_owned(),
        }
    }

    /// Whether it is at most the limit; None if the noise leaves both open.
    pub fn at_most(&self, limit: f64) -> Option<bool> {
        if self.high <= limit {
            Some(true)
        } else if self.low > limit {
            Some(false)
        } else {
            None
        }
    }

    /// Whether it is at least the limit; None if the noise leaves both open.
    pub fn at_least(&self, limit: f64) -> Option<bool> {
        if self.low >= limit {
            Some(true)
        } else if self.high < limit {
            Some(false)
        } else {
            None
        }
    }
}

/// Three digits that mean something: `0.25`, `3.75`, `48.2`, `1024`.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
