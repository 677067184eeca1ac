//! The stanza syntax of `aerospike.conf`: text to a tree of [`Node`]s, each with its line.
//!
//! 1. A line is cut into words; a word that begins with `#` ends it.
//! 2. Words up to the end of the line are one parameter: a name and its values. `{` after them
//!    opens a context, `}` closes it.
//! 3. A line may hold several parameters, two or more spaces apart. Two spaces also align columns,
//!    so a gap only cuts where the words before it make a parameter already and the next word
//!    reads like a name of this context, which the caller answers ([`IsName`]).
//!
//! Always true: any text gives a tree or an error with its line; nothing here knows what a
//! parameter means.

/// A parameter, or a context with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The line it stands on, from 1.
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) values: Vec<String>,
    /// What stands between `{` and `}`, if it has them.
    pub(super) children: Option<Vec<Node>>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) line: u32,
    pub(super) text: String,
}

/// Whether a word reads like a parameter's name inside the contexts of these names.
pub(super) type IsName<'a> = &'a dyn Fn(&[&str], &str) -> bool;

/// Deepest nesting: `xdr { dc X { namespace Y {` is 3, and nothing in the field goes beyond 4.
const DEPTH_MAX: usize = 8;

/// Largest file: production files have some tens of kilobytes.
pub(super) const FILE_SIZE_MAX: usize = 1 << 20;

/// Reads `text` into its outermost nodes.
pub(super) fn read(text: &str, is_name: IsName<'_>) -> Result<Vec<Node>, SyntaxError> {
    let mut tree = Tree { open: Vec::new(), top: Vec::new(), is_name };
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        tree.line(number, line)?;
    }
    match tree.open.pop() {
        None => Ok(tree.top),
        Some(node) => Err(SyntaxError {
            line: node.line,
            text: format!("`{}` opens `{{` and nothing closes it; add a `}}`", node.name),
        }),
    }
}

/// The tree under construction: the contexts that are open, outermost first, and what is done.
struct Tree<'a> {
    open: Vec<Node>,
    top: Vec<Node>,
    is_name: IsName<'a>,
}

impl Tree<'_> {
    fn line(&mut self, line: u32, text: &str) -> Result<(), SyntaxError> {
        let mut words: Vec<&str> = Vec::new();
        for Word { text, wide_gap } in cut(text) {
            match text {
                "{" => self.open_context(line, std::mem::take(&mut words))?,
                "}" => {
                    self.parameter(line, std::mem::take(&mut words));
                    self.close_context(line)?;
                }
                _ => {
                    if wide_gap && words.len() >= 2 && self.reads_like_a_name(text) {
                        self.parameter(line, std::mem::take(&mut words));
                    }
                    words.push(text);
                }
            }
        }
        self.parameter(line, words);
        Ok(())
    }

    fn reads_like_a_name(&self, word: &str) -> bool {
        let path: Vec<&str> = self.open.iter().map(|n| n.name.as_str()).collect();
        (self.is_name)(&path, word)
    }

    fn parameter(&mut self, line: u32, words: Vec<&str>) {
        if let Some(node) = node(line, &words) {
            self.add(node);
        }
    }

    fn open_context(&mut self, line: u32, words: Vec<&str>) -> Result<(), SyntaxError> {
        let fail = |text: String| Err(SyntaxError { line, text });
        let Some(mut node) = node(line, &words) else {
            return fail("`{` has no name before it; put it on the line of its name".to_owned());
        };
        if self.open.len() >= DEPTH_MAX {
            return fail(format!(
                "contexts nest deeper than {DEPTH_MAX}; is a `}}` missing above?"
            ));
        }
        node.children = Some(Vec::new());
        self.open.push(node);
        Ok(())
    }

    fn close_context(&mut self, line: u32) -> Result<(), SyntaxError> {
        let text = "`}` closes nothing; remove it, or add the `{` it belongs to";
        let node = self.open.pop().ok_or(SyntaxError { line, text: text.to_owned() })?;
        self.add(node);
        Ok(())
    }

    fn add(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(parent) => parent.children.get_or_insert_default().push(node),
            None => self.top.push(node),
        }
    }
}

fn node(line: u32, words: &[&str]) -> Option<Node> {
    let (name, values) = words.split_first()?;
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    Some(Node { line, name: (*name).to_owned(), values, children: None })
}

/// A word and whether at least two spaces, or a tab, stand before it.
struct Word<'a> {
    text: &'a str,
    wide_gap: bool,
}

/// Cuts a line into words and braces, up to a comment.
fn cut(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let word = rest.trim_start();
        let gap = &rest[..rest.len() - word.len()];
        if word.is_empty() || word.starts_with('#') {
            return words;
        }
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        let wide_gap = gap.chars().count() >= 2 || gap.contains('\t');
        cut_braces(&word[..end], wide_gap, &mut words);
        rest = &word[end..];
    }
}

/// Braces stand alone even where no space is beside them, as in `service{}`, but not those of the
/// `${un}` that LDAP patterns have.
fn cut_braces<'a>(word: &'a str, wide_gap: bool, words: &mut Vec<Word<'a>>) {
    if word.contains("${") {
        words.push(Word { text: word, wide_gap });
        return;
    }
    let pieces = word.split_inclusive(['{', '}']).flat_map(|piece| {
        let text = piece.trim_end_matches(['{', '}']);
        [text, &piece[text.len()..]]
    });
    words.extend(pieces.filter(|p| !p.is_empty()).map(|text| Word { text, wide_gap }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_name(path: &[&str], word: &str) -> bool {
        matches!((path, word), (["a"], "x" | "y" | "z"))
    }

    fn show(nodes: &[Node]) -> String {
        let one = |n: &Node| {
            let values: String = n.values.iter().map(|v| format!(" {v}")).collect();
            let inner = n.children.as_ref().map(|c| format!(" {{{}}}", show(c)));
            format!("{}:{}{values}{}", n.line, n.name, inner.unwrap_or_default())
        };
        nodes.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    fn tree(text: &str) -> String {
        match read(text, &is_name) {
            Ok(nodes) => show(&nodes),
            Err(e) => format!("{}! {}", e.line, e.text),
        }
    }

    #[test]
    fn shapes() {
        assert_eq!(tree("a {\n  x 1 # one\n\n y 2 3\n}\n"), "1:a {2:x 1; 4:y 2 3}");
        assert_eq!(tree("a{x 1}b c {}"), "1:a {1:x 1}; 1:b c {}");
        assert_eq!(tree("\u{feff}a b\r\nc\r\n"), "1:a b; 2:c");
        assert_eq!(tree("p (&(o=g)(m=${un}))"), "1:p (&(o=g)(m=${un}))");
        assert_eq!(tree("f /a#b"), "1:f /a#b");
    }

    #[test]
    fn several_parameters_on_a_line() {
        assert_eq!(tree("a { x 1  y 2  z 3 }"), "1:a {1:x 1; 1:y 2; 1:z 3}");
        assert_eq!(tree("a { x 1\ty 2 }"), "1:a {1:x 1; 1:y 2}");
        // Aligned columns are one parameter: the value follows a gap too.
        assert_eq!(tree("a {\n x    y\n seed  host   3002\n}"), "1:a {2:x y; 3:seed host 3002}");
        // One space does not cut.
        assert_eq!(tree("a { x 1 y 2 }"), "1:a {1:x 1 y 2}");
    }

    #[test]
    fn errors_name_the_line() {
        assert!(tree("a {\n x 1\n").starts_with("1! `a` opens"));
        assert!(tree("a {\n}\n}").starts_with("3! `}` closes nothing"));
        assert!(tree("\n{").starts_with("2! `{` has no name"));
        assert!(tree(&"a {".repeat(9)).contains("deeper than 8"));
    }
}
