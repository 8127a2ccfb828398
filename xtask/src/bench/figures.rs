//! Numbers as a reader wants them: three digits that say something.

/// A number of no kind in particular.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    match value {
        ..0.01 => "<0.01".to_owned(),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => grouped(value.round() as u64),
    }
}

/// A whole number with a comma every three digits.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A median, and between which others it lies.
pub(super) fn spread(median: f64, least: f64, most: f64) -> String {
    format!("{} ({}–{})", number(median), number(least), number(most))
}

/// Of several figures the median, the least and the most.
pub(super) fn median(mut figures: Vec<f64>) -> Option<[f64; 3]> {
    figures.sort_by(f64::total_cmp);
    let middle = *figures.get(figures.len() / 2)?;
    Some([middle, *figures.first()?, *figures.last()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_commas() {
        for (value, text) in [
            (0.0, "0"),
            (0.0001, "<0.01"),
            (1.0101, "1.01"),
            (9.996, "10.0"),
            (14.63, "14.6"),
            (99.96, "100"),
            (334.26, "334"),
            (12_097.68, "12,098"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(spread(2.0, 1.0, 1000.0), "2.00 (1.00–1,000)");
        assert_eq!(median(vec![3.0, 9.0, 1.0]), Some([3.0, 1.0, 9.0]));
        assert_eq!(median(Vec::new()), None);
    }
}
