//! Protocol files and their faults.

use super::*;

fn faults(text: &str) -> Vec<String> {
    let faults = Protocol::parse("mine", text).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

fn registration(lines: &str) -> Vec<String> {
    faults(&format!("name = 'mine'\n[registration]\n{lines}\n"))
}

#[test]
fn what_is_built_in_loads_under_its_name() {
    for (name, _) in BUILT_IN {
        let protocol = built_in(name);
        assert_eq!(protocol.name(), *name);
        assert_eq!(protocol.names_by_address(), *name == "raw");
        let registers =
            ["etung", "etung_classic", "inhand", "line", "modbus-rtu", "modbus-tcp", "raw"]
                .contains(name);
        assert_eq!(protocol.names_by_frames(), !registers);
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    let text = "name = 'mine'\nidentiti = 1\nrule = []\nzzzzzzzz = 1\n[registration]\nhead = 'A'\ndigts = 3\n";
    let faults = Protocol::parse("mine", text).unwrap_err();
    let found = |key: &str| faults.iter().find(|fault| fault.key == key).unwrap();
    assert_eq!(found("identiti").nearest.as_deref(), Some("identity"));
    assert_eq!(found("identiti").line, Some(2));
    assert_eq!(found("zzzzzzzz").nearest, None);
    assert_eq!(found("registration.digts").nearest.as_deref(), Some("digits"));
    assert_eq!(found("registration.digts").line, Some(7));
    assert!(found("rule").what.contains("has no use without [[frame]]"));
    let told = "line 7: registration.digts: is no key of a protocol file; did you mean \"digits\"?";
    assert_eq!(found("registration.digts").to_string(), told);
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let text = "name = 'yours'\n[registration]\ndigits = 0\nterminators = ['\\r\\n']\ngap = 1\nchunk = 'x'\n";
    let told = faults(text);
    let expected = [
        "line 1: name: is \"yours\", but the file is called \"mine\"",
        "registration.head: is missing: the bytes that open a registration",
        "line 3: registration.digits: must be a whole number from 1 to 64",
        "line 4: registration.terminators: must be a list of single bytes, such as ['\\n', ';']",
        "line 5: registration.gap: must be a duration above zero with its unit, such as '1s'",
        "line 5: registration.gap: needs name_pattern: a silence alone cuts no name",
        "line 6: registration.chunk: must be true or false",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_could_never_work_is_refused() {
    for (lines, fault) in [
        ("head = 'A'", "never ends a name"),
        ("head = ''\ndigits = 1", "must have 1 to 64 bytes"),
        ("head = '\\q'\ndigits = 1", "backslash"),
        ("head = 'A'\ndigits = 65", "from 1 to 64"),
        ("head = 'A'\ndigits = 1\ndrop_last = true", "only with chunk = true"),
        ("head = 'A'\nname_pattern = 'x'\ndigits = 1", "needs gap"),
        ("head = 'A'\ngap = '1s'\nname_pattern = 'a)|(b'", "no byte regex"),
        ("head = 'A'\ngap = '1s'\nname_pattern = '(a{1000}){1000}'", "no byte regex"),
        ("head = 'A'\nchunk = true\ngap = '1s'\nname_pattern = 'x'", "has no use with chunk"),
        ("head = 'A'\ngap = '0s'\nname_pattern = 'x'", "above zero"),
    ] {
        let told = registration(lines);
        assert!(told.len() == 1 && told[0].contains(fault), "{lines:?}: {told:?}");
    }
    for (text, fault) in [
        ("name = 'mine'", "registration: is missing"),
        ("[registration]\nhead = 'A'\ndigits = 1", "name: is missing"),
        (
            "name = 'mine'\nidentity = 'luck'\n[registration]\nhead='A'\ndigits=1",
            "line 2: identity",
        ),
        ("name = 'mine'\nidentity = 'address'\n[registration]", "has no use with identity"),
        ("name = 'mine'\nregistration = 1", "must be a table"),
        ("name = 'mine'\n\nhead = = 1", "line 3: mine: is no TOML"),
    ] {
        let told = faults(text);
        assert!(told.len() == 1 && told[0].contains(fault), "{text:?}: {told:?}");
    }
}

#[test]
fn heads_and_terminators_may_be_any_bytes() {
    let text = "name = 'mine'\n[registration]\nhead = '\\x02\\xff'\nterminators = ['\\x03', ']']\n";
    let mine = Protocol::parse("mine", text).unwrap();
    assert_eq!(reads(&mine, CLOSE, &[b"\x02\xffab]x"]), [name("ab"), Filtered(5), data("x")]);
    assert_eq!(reads(&mine, CLOSE, &[b"\x02\xffab\x03\r\n"])[2..], [data("\r\n")]);
}
