//! Unrolling of loops in shader templates, which WGSL compilers leave as loops: a tile kept in
//! registers needs a name for each of its parts.

/// Writes out every block between a line `//for NAME in FIRST..END` and its line `//end`, with
/// `$NAME` replaced by each number in turn. Blocks may be nested; names must not begin with one
/// another.
///
/// # Panics
/// If a block is malformed: a mistake in a shader of this crate.
pub fn unroll(template: &str) -> String {
    let mut lines = template.lines();
    let (text, closed) = block(&mut lines);
    assert!(!closed, "a shader has an //end without its //for");
    text
}

/// The unrolled lines up to the end of the block, and whether an `//end` closed it.
fn block(lines: &mut std::str::Lines) -> (String, bool) {
    let mut text = String::new();
    while let Some(line) = lines.next() {
        let directive = line.trim_start();
        if directive == "//end" {
            return (text, true);
        }
        let Some(header) = directive.strip_prefix("//for ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let (name, range) = header.split_once(" in ").expect("//for NAME in FIRST..END");
        let (first, end) = range.split_once("..").expect("//for NAME in FIRST..END");
        let number = |text: &str| text.trim().parse::<usize>().expect("//for NAME in FIRST..END");
        let (body, closed) = block(lines);
        assert!(closed, "a shader has a //for without its //end");
        for value in number(first)..number(end) {
            text.push_str(&body.replace(&format!("${name}"), &value.to_string()));
        }
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::unroll;

    #[test]
    fn blocks_nest() {
        let template = "a\n  //for p in 0..2\n  x$p\n  //for q in 1..3\n  y$p_$q\n  //end\n  //end\nb\n";
        assert_eq!(unroll(template), "a\n  x0\n  y0_1\n  y0_2\n  x1\n  y1_1\n  y1_2\nb\n");
    }

    #[test]
    #[should_panic(expected = "without its //end")]
    fn an_open_block_is_refused() {
        unroll("//for p in 0..2\nx$p\n");
    }
}
