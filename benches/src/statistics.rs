//! Medians, quartiles and means.
//!
//! Must not know what the numbers are.

/// What there is to say about some numbers that should be one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many there are.
    pub count: usize,
    /// The least.
    pub least: f64,
    /// A quarter of them are less.
    pub lower: f64,
    /// Half of them are less.
    pub median: f64,
    /// A quarter of them are more.
    pub upper: f64,
    /// The most.
    pub most: f64,
}

impl Summary {
    /// The summary of `values`; zeros when there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Summary {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (values.first(), values.last()) else {
            return Summary::default();
        };
        let [lower, median, upper] = [0.25, 0.5, 0.75].map(|part| quantile(&values, part));
        Summary { count: values.len(), least, lower, median, upper, most }
    }

    /// How far the quartiles are from each other, as a part of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.upper - self.lower) / self.median }
    }
}

/// The value below which the given part of the sorted values is, in a straight line between neighbours.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// The median. 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Summary::of(values).median
}

/// The geometric mean of positive numbers; `None` of none.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value.ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_knows_the_quarters() {
        let summary = Summary::of([5.0, 1.0, 4.0, 2.0, 3.0]);
        let expected =
            Summary { count: 5, least: 1.0, lower: 2.0, median: 3.0, upper: 4.0, most: 5.0 };
        assert_eq!(summary, expected);
        assert!((summary.spread() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn quarters_between_two_values() {
        let summary = Summary::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!((summary.lower, summary.median, summary.upper), (1.75, 2.5, 3.25));
    }

    #[test]
    fn one_value_has_no_spread_and_none_is_all_zeros() {
        assert_eq!(Summary::of([7.0]).median, 7.0);
        assert_eq!(Summary::of([7.0]).spread(), 0.0);
        assert_eq!(Summary::of([]), Summary::default());
        assert_eq!(Summary::of([]).spread(), 0.0);
        assert_eq!(median([3.0, 1.0]), 2.0);
    }

    #[test]
    fn the_geometric_mean_of_ratios() {
        let mean = geometric_mean([2.0, 8.0]).expect("a mean");
        assert!((mean - 4.0).abs() < 1e-12);
        let mean = geometric_mean([0.5, 2.0]).expect("a mean");
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}
