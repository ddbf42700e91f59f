//! Protocols that are written from the guide and belong to no preset: what the vocabulary can say.

use std::fs;

use tetherd::protocol::Protocol;

use crate::samples::{folder, hold, read};

#[test]
fn protocols_written_from_the_guide_read_their_samples_in_any_pieces() {
    let files = fs::read_dir(folder().join("extra")).unwrap().map(|file| file.unwrap().path());
    let mut found = 0;
    for path in files.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let protocol = Protocol::parse(name, &text).unwrap_or_else(|faults| {
            panic!("{name}: {faults:?}");
        });
        let samples = read(&path.with_extension("jsonl"));
        assert!(!samples.is_empty());
        hold(&protocol, &samples).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        found += 1;
    }
    assert_eq!(found, 4);
}
