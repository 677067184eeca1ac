//! Each layout, rows in and text out; the expected tables are psql's.

use super::*;

const INT8: u32 = 20;
const TEXT: u32 = 25;
const JSONB: u32 = 3802;
const BOOL: u32 = 16;
const NUMERIC: u32 = 1700;

fn column(name: &str, type_oid: u32) -> Column {
    Column { name: name.into(), type_oid }
}

fn render(look: &Look, columns: &[Column], rows: &[&[Option<&str>]]) -> String {
    let mut out = Vec::new();
    let mut layout = layout(look);
    layout.begin(&mut out, columns).unwrap();
    rows.iter().for_each(|row| layout.row(&mut out, row).unwrap());
    layout.end(&mut out, true).unwrap();
    String::from_utf8(out).unwrap()
}

fn look(format: Format) -> Look {
    Look { format, ..Look::default() }
}

fn people() -> ([Column; 2], [&'static [Option<&'static str>]; 3]) {
    let columns = [column("id", INT8), column("name", TEXT)];
    (columns, [&[Some("1"), Some("Zoë")], &[Some("20"), None], &[Some("3"), Some("a\nb")]])
}

#[test]
fn table() {
    let (columns, rows) = people();
    let expected = " id | name 
----+------
  1 | Zoë
 20 | NULL
  3 | a   +
    | b
(3 rows)
";
    assert_eq!(render(&look(Format::Table), &columns, &rows), expected);
}

#[test]
fn table_of_tuples_only() {
    let (columns, rows) = people();
    let look = Look { tuples_only: true, ..look(Format::Table) };
    assert_eq!(render(&look, &columns, &rows[..1]), "  1 | Zoë\n");
}

#[test]
fn wide_letters_take_two_columns() {
    let rows: [&[Option<&str>]; 2] = [&[Some("日本"), Some("x")], &[Some("abcd"), Some("y")]];
    let columns = [column("a", TEXT), column("b", TEXT)];
    let expected = "  a   | b \n------+---\n 日本 | x\n abcd | y\n(2 rows)\n";
    assert_eq!(render(&look(Format::Table), &columns, &rows), expected);
}

#[test]
fn empty_results() {
    let columns = [column("a", TEXT)];
    assert_eq!(render(&look(Format::Table), &columns, &[]), " a \n---\n(0 rows)\n");
    assert_eq!(render(&look(Format::Json), &columns, &[]), "[]\n");
    assert_eq!(render(&look(Format::Csv), &columns, &[]), "a\n");
    assert_eq!(render(&look(Format::Table), &[], &[&[]]), "--\n(1 row)\n");
}

#[test]
fn control_characters_are_shown_not_sent() {
    let rows: [&[Option<&str>]; 1] = [&[Some("a\x1b[31m\tb\r\u{9b}")]];
    let text = render(&look(Format::Table), &[column("v", TEXT)], &rows);
    assert!(text.contains("a\\x1B[31m       b\\r\\x9B"), "{text}");
}

#[test]
fn null_is_dim_where_there_is_colour() {
    let look = Look { color: true, ..look(Format::Table) };
    let text = render(&look, &[column("v", INT8)], &[&[None]]);
    assert!(text.contains(" \x1b[2mNULL\x1b[0m\n"), "{text:?}");
}

#[test]
fn expanded() {
    let (columns, rows) = people();
    let look = Look { expanded: Expanded::On, ..look(Format::Table) };
    let expected = "\
-[ RECORD 1 ]
id   | 1
name | Zoë
-[ RECORD 2 ]
id   | 20
name | NULL
-[ RECORD 3 ]
id   | 3
name | a   +
     | b
";
    assert_eq!(render(&look, &columns, &rows), expected);
}

#[test]
fn expanded_heading_has_its_cross() {
    assert_eq!(record_heading_of(14, 6), "-[ RECORD 1 ]--+-------");
    assert_eq!(record_heading_of(2, 14), "-[ RECORD 1 ]------");
}

fn record_heading_of(name: usize, value: usize) -> String {
    let look = Look { expanded: Expanded::On, ..look(Format::Table) };
    let (name, value) = ("n".repeat(name), "v".repeat(value));
    let text = render(&look, &[column(&name, TEXT)], &[&[Some(&value)]]);
    text.lines().next().unwrap().to_string()
}

#[test]
fn expanded_auto_asks_the_terminal() {
    let (columns, rows) = people();
    let narrow = Look { expanded: Expanded::Auto, width: Some(10), ..look(Format::Table) };
    let wide = Look { width: Some(11), ..narrow.clone() };
    assert!(render(&narrow, &columns, &rows).starts_with("-[ RECORD 1 ]"));
    assert!(render(&wide, &columns, &rows).starts_with(" id | name"));
}

#[test]
fn rows_after_the_sample_stream() {
    let mut out = Vec::new();
    let mut layout = layout(&look(Format::Table));
    layout.begin(&mut out, &[column("n", INT8)]).unwrap();
    for _ in 0..1000 {
        layout.row(&mut out, &[Some("1")]).unwrap();
    }
    let header = out.len();
    layout.row(&mut out, &[Some("12345")]).unwrap();
    assert_eq!(&out[header..], b" 12345\n");
}

#[test]
fn borders() {
    let (columns, rows) = people();
    let bordered = |border| Look { border, ..look(Format::Table) };
    let expected = "id name \n-- ----\n 1 Zoë\n20 NULL\n(2 rows)\n";
    assert_eq!(render(&bordered(0), &columns, &rows[..2]), expected);
    let expected = "\
+----+------+
| id | name |
+----+------+
|  1 | Zoë  |
|  3 | a   +|
|    | b    |
+----+------+
(2 rows)
";
    assert_eq!(render(&bordered(2), &columns, &[rows[0], rows[2]]), expected);
    let expected = "\
┌────┬──────┐
│ id │ name │
├────┼──────┤
│  1 │ Zoë  │
└────┴──────┘
(1 row)
";
    assert_eq!(render(&look(Format::Box), &columns, &rows[..1]), expected);
    let drawn = Look { drawn: true, ..look(Format::Table) };
    let text = render(&drawn, &columns, &rows[..1]);
    assert_eq!(text, " id │ name \n────┼──────\n  1 │ Zoë\n(1 row)\n");
}

#[test]
fn borders_of_records() {
    let (columns, rows) = people();
    let bordered = |border| Look { border, expanded: Expanded::On, ..look(Format::Table) };
    let expected = "* Record 1\nid   1\nname Zoë\n";
    assert_eq!(render(&bordered(0), &columns, &rows[..1]), expected);
    let rows: [&[Option<&str>]; 2] = [&[Some("1"), Some("a long value")], &[Some("2"), None]];
    let expected = "\
+-[ RECORD 1 ]--------+
| id   | 1            |
| name | a long value |
+-[ RECORD 2 ]--------+
| id   | 2            |
| name | NULL         |
+------+--------------+
";
    assert_eq!(render(&bordered(2), &columns, &rows), expected);
}

#[test]
fn null_is_shown_as_asked() {
    let row: [&[Option<&str>]; 1] = [&[None, Some("x")]];
    let columns = [column("a", TEXT), column("b", TEXT)];
    for (format, expected) in [
        (Format::Table, " a | b \n---+---\n - | x\n(1 row)\n"),
        (Format::Unaligned, "a|b\n-|x\n(1 row)\n"),
        (Format::Csv, "a,b\n-,x\n"),
        (Format::Json, "[\n  {\"a\": null, \"b\": \"x\"}\n]\n"),
    ] {
        let look = Look { null: Some("-".into()), ..look(format) };
        assert_eq!(render(&look, &columns, &row), expected);
    }
}

#[test]
fn tabs_markdown_and_bare_objects() {
    let columns = [column("a", TEXT), column("n", INT8)];
    let rows: [&[Option<&str>]; 2] = [&[Some("x|y\n\t\\"), Some("1")], &[None, None]];
    let text = |format| render(&look(format), &columns, &rows);
    assert_eq!(text(Format::Tsv), "a\tn\nx|y\\n\\t\\\\\t1\n\\N\t\\N\n");
    let expected = "| a | n |\n| --- | ---: |\n| x\\|y<br>\t\\ | 1 |\n|  |  |\n";
    assert_eq!(text(Format::Markdown), expected);
    let expected = "{\"a\": \"x|y\\n\\t\\\\\", \"n\": 1}\n{\"a\": null, \"n\": null}\n";
    assert_eq!(text(Format::JsonLines), expected);
}

#[test]
fn formats_have_names() {
    for name in Format::NAMES.replace(" or ", ", ").split(", ") {
        assert_eq!(Format::parse(name).map(Format::name), Some(name));
    }
}

#[test]
fn unaligned() {
    let (columns, rows) = people();
    let plain = look(Format::Unaligned);
    assert_eq!(render(&plain, &columns, &rows[..2]), "id|name\n1|Zoë\n20|\n(2 rows)\n");
    let bare = Look { tuples_only: true, separator: Some(",".into()), ..plain.clone() };
    assert_eq!(render(&bare, &columns, &rows[..2]), "1,Zoë\n20,\n");
    let expanded = Look { expanded: Expanded::On, ..plain };
    assert_eq!(render(&expanded, &columns, &rows[..2]), "id|1\nname|Zoë\n\nid|20\nname|\n");
}

#[test]
fn csv() {
    let columns = [column("a,b", TEXT), column("c", INT8)];
    let rows: [&[Option<&str>]; 3] =
        [&[Some("x"), Some("1")], &[None, None], &[Some("say \"hi\"\n"), Some("2")]];
    let expected = "\"a,b\",c\nx,1\n,\n\"say \"\"hi\"\"\n\",2\n";
    assert_eq!(render(&look(Format::Csv), &columns, &rows), expected);
}

#[test]
fn json() {
    let columns = [
        column("i", INT8),
        column("n", NUMERIC),
        column("t", TEXT),
        column("j", JSONB),
        column("b", BOOL),
    ];
    let big = "123456789012345678901234567890.5";
    let rows: [&[Option<&str>]; 2] = [
        &[Some("1"), Some(big), Some("a\"\n"), Some("{\"k\": [1, null]}"), Some("t")],
        &[None, Some("NaN"), None, Some("not json"), Some("f")],
    ];
    let expected = "[
  {\"i\": 1, \"n\": 123456789012345678901234567890.5, \"t\": \"a\\\"\\n\", \
\"j\": {\"k\": [1, null]}, \"b\": true},
  {\"i\": null, \"n\": \"NaN\", \"t\": null, \"j\": \"not json\", \"b\": false}
]
";
    let text = render(&look(Format::Json), &columns, &rows);
    assert_eq!(text, expected);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[test]
fn raw_and_mute() {
    let (columns, rows) = people();
    let stars = "*".repeat(27);
    let expected = format!("{stars} 1. row {stars}\nid: 20\nname: NULL\n(1 row)\n");
    assert_eq!(render(&look(Format::Raw), &columns, &rows[1..2]), expected);
    assert_eq!(render(&look(Format::Mute), &columns, &rows), "(3 rows)\n");
}

#[test]
fn a_broken_result_has_no_footer_but_valid_json() {
    for (format, expected) in
        [(Format::Table, " a \n---\n x\n"), (Format::Json, "[\n  {\"a\": \"x\"}\n]\n")]
    {
        let mut out = Vec::new();
        let mut layout = layout(&look(format));
        layout.begin(&mut out, &[column("a", TEXT)]).unwrap();
        layout.row(&mut out, &[Some("x")]).unwrap();
        layout.end(&mut out, false).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

/// One row with everything that markup has to escape, then psql's answer.
fn awkward() -> ([Column; 3], [&'static [Option<&'static str>]; 1]) {
    let columns = [column("a&b", INT8), column("t", TEXT), column("n", TEXT)];
    (columns, [&[Some("1"), Some("  x<y> \"q\"\n\\ $ % _ { } ^ ~ # |"), None]])
}

#[test]
fn html() {
    let (columns, rows) = awkward();
    let expected = "<table border=\"1\">
  <tr>
    <th align=\"center\">a&amp;b</th>
    <th align=\"center\">t</th>
    <th align=\"center\">n</th>
  </tr>
  <tr valign=\"top\">
    <td align=\"right\">1</td>
    <td align=\"left\">&nbsp;&nbsp;x&lt;y&gt; &quot;q&quot;<br />
\\ $ % _ { } ^ ~ # |</td>
    <td align=\"left\">&nbsp; </td>
  </tr>
</table>
<p>(1 row)<br />
</p>
";
    assert_eq!(render(&look(Format::Html), &columns, &rows), expected);
    let titled = Look { title: Some("T<".into()), tuples_only: true, ..look(Format::Html) };
    let expected = "<table border=\"1\">\n  <caption>T&lt;</caption>\n</table>\n\n";
    assert_eq!(render(&titled, &columns, &[]), expected);
}

#[test]
fn html_records() {
    let look = Look { expanded: Expanded::On, border: 2, ..look(Format::Html) };
    let expected = "<table border=\"2\">

  <tr><td colspan=\"2\" align=\"center\">Record 1</td></tr>
  <tr valign=\"top\">
    <th>id</th>
    <td align=\"right\">7</td>
  </tr>
</table>

";
    assert_eq!(render(&look, &[column("id", INT8)], &[&[Some("7")]]), expected);
}

#[test]
fn latex() {
    let (columns, rows) = awkward();
    let expected = "\\begin{tabular}{r | l | l}
\\textit{a\\&b} & \\textit{t} & \\textit{n} \\\\
\\hline
1 &   x\\textless{}y\\textgreater{} \"q\"\\\\\\textbackslash{} \\$ \\% \\_ \\{ \\} \\^{} \\~{} \\# \\textbar{} &  \\\\
\\end{tabular}

\\noindent (1 row) \\\\

";
    assert_eq!(render(&look(Format::Latex), &columns, &rows), expected);
    let framed = Look { border: 2, ..look(Format::Latex) };
    let expected = "\\begin{tabular}{| r |}
\\hline
\\textit{id} \\\\
\\hline
\\hline
\\end{tabular}

\\noindent (0 rows) \\\\

";
    assert_eq!(render(&framed, &[column("id", INT8)], &[]), expected);
}

#[test]
fn latex_records() {
    let look = Look { expanded: Expanded::On, title: Some("T_".into()), ..look(Format::Latex) };
    let expected = "\\begin{center}
T\\_
\\end{center}

\\begin{tabular}{c|l}
\\multicolumn{2}{c}{\\textit{Record 1}} \\\\
\\hline
id & 7 \\\\
\\end{tabular}

\\noindent 
";
    assert_eq!(render(&look, &[column("id", INT8)], &[&[Some("7")]]), expected);
}
