//! Info requests: names in lines, and an answer for each.

/// What is asked for: a name, and what stands behind its first colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The line as it was sent: the answer begins with it.
    pub line: &'a str,
    /// The name.
    pub name: &'a str,
    /// Parameters, `key=value` separated by semicolons; often empty.
    pub params: &'a str,
}

/// What a body asks for, line by line. Lines that are not UTF-8 are passed over.
pub fn asked(body: &[u8]) -> impl Iterator<Item = Asked<'_>> {
    let lines = body.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty()).map(|line| {
        let (name, params) = line.split_once(':').unwrap_or((line, ""));
        Asked { line, name, params }
    })
}

/// The value of a parameter.
pub fn param<'a>(params: &'a str, key: &str) -> Option<&'a str> {
    let pairs = params.split(';').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(k, _)| *k == key).map(|(_, value)| value).next()
}

/// Appends the answer to a line.
pub fn put_answer(out: &mut Vec<u8>, line: &str, answer: &str) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\t');
    out.extend_from_slice(answer.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_names_and_parameters() {
        let body = b"node\nget-config:context=namespace;id=test\r\n\n\xff\xff\nsets/test";
        let names: Vec<_> = asked(body).map(|asked| (asked.name, asked.params)).collect();
        let config = "context=namespace;id=test";
        assert_eq!(names, [("node", ""), ("get-config", config), ("sets/test", "")]);
        assert_eq!(param(config, "id"), Some("test"));
        assert_eq!(param(config, "set"), None);
        let mut out = Vec::new();
        put_answer(&mut out, "node", "A1");
        assert_eq!(out, b"node\tA1\n");
    }
}
