//! The project's files, as a value: read from disk once, or made up in a test.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::source::Source;

/// Folders that hold no source of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "lazaret-demo", "corpus", "artifacts"];

/// Endings of the text files that marks are collected from, besides Rust.
const TEXT_ENDINGS: [&str; 8] = ["py", "js", "mjs", "ts", "sh", "toml", "txt", "lock"];

/// All files that a check may look at.
#[derive(Debug, Default)]
pub struct Tree {
    /// Rust files, ordered by path.
    pub sources: Vec<Source>,
    /// Other text files by path.
    pub texts: BTreeMap<String, String>,
}

impl Tree {
    /// A tree from paths and texts.
    #[must_use]
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.add(path, text);
        }
        tree.finish()
    }

    /// Reads the tree under `root`, without build output and other tools' folders.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type()?;
                if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                    folders.push(entry.path());
                } else if kind.is_file() && is_text(&name) {
                    // A sample of hostile text is a file like another: what is no UTF-8 in it is no mark either.
                    let text = fs::read(entry.path())?;
                    tree.add(&relative(root, &entry.path()), &String::from_utf8_lossy(&text));
                }
            }
        }
        Ok(tree.finish())
    }

    fn add(&mut self, path: &str, text: &str) {
        if path.ends_with(".rs") {
            self.sources.push(Source::new(path, text));
        } else {
            self.texts.insert(path.to_owned(), text.to_owned());
        }
    }

    /// A file that another declares as `#[cfg(test)] mod name;` is test code too.
    fn finish(mut self) -> Tree {
        self.sources.sort_by(|a, b| a.path.cmp(&b.path));
        let tests: Vec<String> = self.sources.iter().flat_map(test_files).collect();
        for source in &mut self.sources {
            let named = tests.contains(&source.path);
            let inside =
                tests.iter().any(|file| source.path.starts_with(&format!("{}/", file.trim_end_matches(".rs"))));
            source.is_test |= named || inside;
        }
        self
    }

    /// The text of a file that is not Rust; empty when there is none.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// Rust files whose path begins with one of these.
    pub fn under<'a>(&'a self, prefixes: &'a [&'a str]) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(|source| prefixes.iter().any(|prefix| source.path.starts_with(prefix)))
    }
}

/// Where the files of a source's test modules can lie.
fn test_files(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let own = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    let names = source.test_modules();
    names.iter().flat_map(|name| [format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]).collect()
}

fn is_text(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending == "rs" || TEXT_ENDINGS.contains(&ending)
}

fn relative(root: &Path, path: &Path) -> String {
    let inside: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    inside.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_in_its_own_file_is_test_code() {
        let tree = Tree::new([
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod cases;\nmod door;"),
            ("crates/a/src/cases.rs", "fn a() {}"),
            ("crates/a/src/door.rs", "#[cfg(test)]\nmod knocks;"),
            ("crates/a/src/door/knocks.rs", "fn a() {}"),
        ]);
        let tests: Vec<&str> = tree.sources.iter().filter(|s| s.is_test).map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["crates/a/src/cases.rs", "crates/a/src/door/knocks.rs"]);
    }
}
