//! Several protocols on one port.

use super::{
    super::{Ambiguity, Chosen, ambiguities, choose},
    *,
};

fn all(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| built_in(name)).collect()
}

#[test]
fn the_first_bytes_say_which_protocol_a_device_speaks() {
    let protocols = all(&["gt06", "h02", "etung", "teltonika"]);
    for (bytes, chosen) in [
        (&b"\x78\x78"[..], Chosen::Protocol(0)),
        (b"\x79", Chosen::Open),
        (b"*", Chosen::Protocol(1)),
        (b"ETUN", Chosen::Open),
        (b"ETUNG:", Chosen::Protocol(2)),
        (b"\x00\x0f", Chosen::Protocol(3)),
        (b"\xff", Chosen::Protocol(3)),
        (b"GET / HTTP", Chosen::None),
        (b"", Chosen::Open),
    ] {
        assert_eq!(choose(&protocols, bytes, false), chosen, "{bytes:?}");
    }
    assert_eq!(choose(&all(&["gt06", "gps103"]), b"\x78", false), Chosen::Open);
    assert_eq!(choose(&all(&["gt06", "gps103"]), b"\x78", true), Chosen::Protocol(1));
}

#[test]
fn protocols_that_the_same_bytes_fit_are_found() {
    assert_eq!(ambiguities(&all(&["gt06", "h02", "etung", "teltonika", "jt808"])), []);
    let clash = Ambiguity { first: 0, second: 1, hides: false, falls_back: false };
    assert_eq!(ambiguities(&all(&["h02", "meitrack"])), [clash]);
    let fallback = Ambiguity { falls_back: true, ..clash };
    assert_eq!(ambiguities(&all(&["h02", "gps103"])), [fallback]);
    let hidden = Ambiguity { hides: true, ..clash };
    assert_eq!(ambiguities(&all(&["raw", "gt06"])), [hidden]);
}

#[test]
fn bytes_that_only_wake_a_line_up_say_nothing_of_who_speaks() {
    let protocols = all(&["gt06", "dlt645", "raw"]);
    let told = |bytes: &[u8]| choose(&protocols, bytes, false);
    assert_eq!(told(b"\xfe\xfe\xfe\xfe"), Chosen::Open);
    assert_eq!(told(b"\xfe\xfe\x68\x01\0\0\0\0\0\x68\x91"), Chosen::Protocol(1));
    assert_eq!(told(b"\xfe\xfe\x78\x78"), Chosen::Protocol(2), "no frame stands behind them");
    assert_eq!(told(&[0xfe; 64]), Chosen::Open);
    assert_eq!(told(&[0xfe; 65]), Chosen::Protocol(2), "nobody wakes a line up for so long");

    let wakes = super::ends::frames("[[frame]]\nskip = 'x'\nhead = 'a'\nuntil = ';'");
    let other = super::ends::frames("[[frame]]\nhead = 'xy'\nuntil = ';'");
    let clash = Ambiguity { first: 0, second: 1, hides: false, falls_back: false };
    assert_eq!(ambiguities(&[wakes, other]), [clash]);
}
