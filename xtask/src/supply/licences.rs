//! The licences of the outside crates in the binary, each text once, with the crates that it is for.
//!
//! A crate without a file of its own gets the text of its expression, with its authors as owners.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::shipped::{Crate, Shipped};
use crate::command::root;

/// The beginnings of names of files with a licence or what goes with it.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

const MIT: &str = "\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the \"Software\"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.";

const BSD_2_CLAUSE: &str = "\
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS \"AS IS\" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.";

/// All texts. It fails if there is no text for a crate.
pub(crate) fn text(shipped: &Shipped) -> Result<String, String> {
    let own = fs::read_to_string(root().join("LICENSE")).map_err(|error| format!("LICENSE: {error}"))?;
    let mut crates_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for one in shipped.outside_in_binary() {
        let texts = texts_of(one, &own);
        if texts.is_empty() {
            missing
                .push(format!("{} {} has no file, and there is no text for {:?}", one.name, one.version, one.licence));
        }
        for text in texts {
            crates_of.entry(text).or_default().push(format!("{} {} ({})", one.name, one.version, one.licence));
        }
    }
    if !missing.is_empty() {
        return Err(missing.join("\n"));
    }

    let count = shipped.outside_in_binary().count();
    let mut told = format!("Rafiki is licensed under the Apache License 2.0.\n\nIt contains these {count} crates:\n\n");
    let line = "-".repeat(100);
    // Writing to a string does not fail.
    for one in shipped.outside_in_binary() {
        let _ = writeln!(told, "{} {}  {}", one.name, one.version, one.licence);
    }
    for (text, crates) in &crates_of {
        let _ = write!(told, "\n{line}\nFor {}:\n\n{}\n", crates.join(", "), text.trim_end());
    }
    Ok(told)
}

/// The texts in a crate's folder, or those of its expression.
fn texts_of(one: &Crate, apache: &str) -> Vec<String> {
    let found = files(&one.folder);
    if !found.is_empty() {
        return found;
    }
    let owners = if one.authors.is_empty() { format!("the authors of {}", one.name) } else { one.authors.join(", ") };
    let with_owners = |text: &str| format!("Copyright (c) {owners}\n\n{text}");
    if one.licence.contains("Apache-2.0") {
        return vec![apache.to_owned()];
    }
    match one.licence.as_str() {
        "MIT" => vec![with_owners(MIT)],
        "BSD-2-Clause" => vec![with_owners(BSD_2_CLAUSE)],
        _ => Vec::new(),
    }
}

/// The contents of the files with licences, by their names.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            path.is_file() && NAMES.iter().any(|beginning| name.starts_with(beginning))
        })
        .collect();
    paths.sort();
    let texts = paths.iter().filter_map(|path| fs::read(path).ok());
    texts.map(|octets| String::from_utf8_lossy(&octets).replace("\r\n", "\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supply::shipped::tests::small;

    #[test]
    fn a_crate_without_a_file_gets_the_text_of_its_expression() {
        let told = text(&small()).unwrap();
        assert!(told.contains("lib 1.0.0  MIT OR Apache-2.0") && told.contains("Apache License"), "{told}");
        assert!(!told.contains("macro 1.0.0"), "it is not in the binary");

        let mut unknown = small();
        unknown.crates.get_mut("lib 1.0.0").unwrap().licence = "Other-1.0".to_owned();
        assert!(text(&unknown).unwrap_err().contains("lib 1.0.0"));
    }

    #[test]
    fn there_is_a_text_for_every_crate_of_this_binary() {
        let shipped = Shipped::read().unwrap();
        let told = text(&shipped).unwrap();
        for one in shipped.outside_in_binary() {
            let for_it = format!("{} {} (", one.name, one.version);
            assert!(told.contains(&for_it), "{for_it}");
        }
    }
}
