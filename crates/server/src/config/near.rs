//! The nearest name to a mistyped one, by edits: insert, delete, replace, swap of neighbours.

/// The edits that make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differ = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j - 1] + differ).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// Longest word worth comparing: no parameter has a name half as long.
const WORD_MAX: usize = 64;

/// The name nearest to `word`, where few enough letters differ to call it a slip: one in three, at
/// most three.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_MAX {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 3);
    // Lengths that differ by more than the limit cannot be within it.
    let close = names.filter(|name| name.len().abs_diff(word.len()) <= 4 * limit);
    let scored = close.map(|name| (edits(word, name), name));
    scored.filter(|(n, _)| *n <= limit).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips() {
        let names = ["default-ttl", "nsup-period", "port"];
        let near = |w| nearest(w, names.into_iter());
        assert_eq!(near("defualt-ttl"), Some("default-ttl"));
        assert_eq!(near("default_ttl"), Some("default-ttl"));
        assert_eq!(near("prot"), Some("port"));
        assert_eq!(near("nsup-perod"), Some("nsup-period"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(&"x".repeat(100_000)), None);
        assert_eq!(edits("ca", "abc"), 3);
        assert_eq!(edits("", "ab"), 2);
    }
}
