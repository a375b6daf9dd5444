//! What has grown beyond the sizes we aim at. Only information: a person judges whether a wall helps.

use super::tree::Tree;

/// Lines of a file, its tests aside.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function, from its name to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// One line for each large file and function outside of tests.
pub(super) fn notes(tree: &Tree) -> Vec<String> {
    let mut notes = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_code(path)) {
        let code: Vec<&str> = text.lines().take_while(|line| *line != "#[cfg(test)]").collect();
        if code.len() > FILE_LINES_MAX {
            notes.push(format!("{path}: {} lines", code.len()));
        }
        for (name, first, lines) in functions(&code).filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX) {
            notes.push(format!("{path}:{first}: `{name}` has {lines} lines"));
        }
    }
    notes
}

fn is_code(path: &str) -> bool {
    path.ends_with(".rs") && !path.ends_with("tests.rs") && !path.split('/').any(|part| part == "tests")
}

/// Name, line and length of every function. Formatted code closes one at the indentation where it began.
fn functions<'a>(code: &'a [&'a str]) -> impl Iterator<Item = (&'a str, usize, usize)> {
    code.iter().enumerate().filter_map(|(at, line)| {
        let start = line.trim_start();
        let (before, after) = start.split_once("fn ")?;
        let is_item = before.is_empty()
            || before.starts_with("pub")
            || matches!(before, "async " | "const " | "unsafe ");
        let name = after.split(['(', '<']).next().filter(|_| is_item && !start.ends_with(';'))?;
        let close = format!("{}}}", &line[..line.len() - start.len()]);
        let lines = code[at..].iter().position(|line| *line == close)? + 1;
        Some((name, at + 1, lines))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_functions_and_files_outside_of_tests_are_noted() {
        let body = "        work();\n".repeat(70);
        let text = format!(
            "impl X {{\n    pub(super) const fn long<T>(self) {{\n{body}    }}\n    fn short() {{}}\n}}\n#[cfg(test)]\n{}",
            "x\n".repeat(500)
        );
        let tree =
            Tree::of(&[("src/a.rs", &text), ("src/tests.rs", &text), ("src/b.rs", &"x\n".repeat(401))]);
        assert_eq!(notes(&tree), ["src/a.rs:2: `long` has 72 lines", "src/b.rs: 401 lines"]);
    }
}
