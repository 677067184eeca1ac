//! How lengths of records are rounded in memory: 8 bits instead of 20.

/// Largest record that a size class can name, in 16-byte units: 8 MiB.
pub const UNITS_MAX: u32 = 32 << 14;

/// The smallest size class that holds `units` 16-byte units, or `None` above [`UNITS_MAX`]. A
/// class is a 4-bit exponent and a 4-bit mantissa, so rounding a record up to it adds under 6 %.
pub fn class_of(units: u32) -> Option<u8> {
    if units > UNITS_MAX {
        return None;
    }
    let below = units.saturating_sub(1);
    if below < 16 {
        return Some(below as u8);
    }
    let exponent = below.ilog2() - 3;
    let mantissa = (below >> (exponent - 1)) - 16;
    Some((exponent << 4 | mantissa) as u8)
}

/// How many 16-byte units a record of this size class takes at most, 1 to [`UNITS_MAX`].
pub fn units_of(class: u8) -> u32 {
    let (exponent, mantissa) = (u32::from(class >> 4), u32::from(class & 15));
    if exponent == 0 { mantissa + 1 } else { (17 + mantissa) << (exponent - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_round_up_by_less_than_six_percent() {
        for class in 0..=255 {
            assert_eq!(class_of(units_of(class)), Some(class));
        }
        for units in 1..=UNITS_MAX {
            let padded = units_of(class_of(units).expect("in range"));
            assert!(padded >= units && (padded - units) * 16 < units, "{units} {padded}");
        }
        assert_eq!(units_of(255), UNITS_MAX);
        assert_eq!(class_of(0), Some(0));
        assert_eq!(class_of(UNITS_MAX + 1), None);
    }
}
