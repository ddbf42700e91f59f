use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind, Look, Repetition},
};

use crate::protocol::{byteset::ByteSet, frame::Head, pattern::reason};

/// Most ways in which a head may read.
const MOST_WAYS: usize = 256;

/// Most bytes of a head.
const LONGEST: usize = 64;

type Row = Vec<ByteSet>;

/// Turns the pattern `text` into a head; tells why that cannot be.
pub(super) fn head(text: &str) -> Result<Head, String> {
    let mut parser = ParserBuilder::new();
    let parser = parser.unicode(false).utf8(false).dot_matches_new_line(true).nest_limit(32);
    let hir = parser.build().parse(text).map_err(|error| reason(&error))?;
    let rows = rows(&hir)?;
    if rows.iter().any(Vec::is_empty) {
        return Err("fits nothing at all; leave it out where every byte may begin a frame".into());
    }
    Ok(Head::new(rows))
}

fn rows(hir: &Hir) -> Result<Vec<Row>, String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::Start) => Ok(vec![vec![]]),
        HirKind::Look(_) => Err("must not look around; it stands at the beginning anyway".into()),
        HirKind::Literal(literal) => {
            Ok(vec![literal.0.iter().map(|byte| ByteSet::of(&[*byte])).collect()])
        }
        HirKind::Class(class) => Ok(vec![vec![set(class)?]]),
        HirKind::Capture(capture) => rows(&capture.sub),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![vec![]], |before, part| both(&before, &rows(part)?))
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(rows(part)?);
            }
            bounded(all)
        }
    }
}

fn repeated(repetition: &Repetition) -> Result<Vec<Row>, String> {
    let Some(most) = repetition.max else {
        return Err("must have an end: write {1,8} instead of + or *".into());
    };
    let one = rows(&repetition.sub)?;
    let (mut all, mut now) = (Vec::new(), vec![vec![]]);
    for count in 0..=most {
        if count >= repetition.min {
            all.extend(now.iter().cloned());
        }
        if count < most {
            now = both(&now, &one)?;
        }
    }
    bounded(all)
}

fn both(before: &[Row], behind: &[Row]) -> Result<Vec<Row>, String> {
    if before.len() * behind.len() > MOST_WAYS {
        return Err(format!("reads in more than {MOST_WAYS} ways"));
    }
    let join = |a: &Row| behind.iter().map(|b| [&a[..], &b[..]].concat()).collect::<Vec<_>>();
    bounded(before.iter().flat_map(join).collect())
}

fn bounded(rows: Vec<Row>) -> Result<Vec<Row>, String> {
    if rows.len() > MOST_WAYS {
        return Err(format!("reads in more than {MOST_WAYS} ways"));
    }
    if rows.iter().any(|row| row.len() > LONGEST) {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    Ok(rows)
}

fn set(class: &Class) -> Result<ByteSet, String> {
    let mut set = ByteSet::default();
    match class {
        Class::Bytes(class) => {
            let all = class.iter().flat_map(|range| range.start()..=range.end());
            all.for_each(|byte| set.insert(byte));
        }
        Class::Unicode(class) => {
            for range in class.iter() {
                for letter in range.start()..=range.end() {
                    let byte = u8::try_from(letter).ok().filter(u8::is_ascii);
                    set.insert(byte.ok_or("holds letters that are no bytes")?);
                }
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::Fit;

    #[test]
    fn a_head_fits_does_not_or_may() {
        let table: [(&str, &[u8], Fit); 16] = [
            (r"\x78\x78|\x79\x79", b"\x78\x78\x01", Fit::Yes),
            (r"\x78\x78|\x79\x79", b"\x79", Fit::Open),
            (r"\x78\x78|\x79\x79", b"\x78\x79", Fit::No),
            (r"..\x00\x00", b"\xff\n\0\0", Fit::Yes),
            (r"..\x00\x00", b"\xff\n\0", Fit::Open),
            (r"\$\$.\d{1,3},", b"$$a12,", Fit::Yes),
            (r"\$\$.\d{1,3},", b"$$a12", Fit::Open),
            (r"\$\$.\d{1,3},", b"$$a1234", Fit::No),
            (r"\+(?:RSP|EVT)[^:]", b"+RSP\x01", Fit::Yes),
            (r"\+(?:RSP|EVT)[^:]", b"+RSP:", Fit::No),
            (r"^ab?c", b"ac", Fit::Yes),
            (r"^ab?c", b"abc", Fit::Yes),
            (r"(?i)hq", b"Hq", Fit::Yes),
            (r"[\x81-\xff]", b"\x80", Fit::No),
            (r"[\x81-\xff]", b"\xff", Fit::Yes),
            (r"a", b"", Fit::Open),
        ];
        for (text, bytes, expected) in table {
            assert_eq!(head(text).unwrap().fits(bytes), expected, "{text} {bytes:?}");
        }
    }

    #[test]
    fn heads_that_never_end_or_run_away_are_refused() {
        for (text, told) in [
            ("a+", "must have an end"),
            ("", "fits nothing"),
            ("a?", "fits nothing"),
            ("a$", "look around"),
            (r"\bx", "look around"),
            ("(", "unclosed group"),
            ("(a|bc){64}", "more than 256 ways"),
            (".{65}", "longer than 64"),
            (".{100000}", "longer than 64"),
        ] {
            let fault = head(text).unwrap_err();
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }

    #[test]
    fn heads_that_some_bytes_fit_both_are_known() {
        let meet = |a: &str, b: &str| head(a).unwrap().meets(&head(b).unwrap());
        assert!(meet(r"\x78", r"\x78\x79"));
        assert!(meet(r"..\x00\x00", r"\*H"));
        assert!(!meet(r"\x78\x78", r"\x79\x79"));
        assert!(!meet(r".\x01", r".\x02|.[\x03-\x05]"));
    }
}
