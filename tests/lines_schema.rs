//! The JSON Schema of the lines between gateway and web server, held against lines of both
//! directions.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use tetherd::{
    model::{CloseReason, CommandFault, CommandState, Peer, SessionId, UnixMillis},
    spool::DropReason,
    units::Span,
};

const SCHEMA: &str = include_str!("../config/schema/lines.schema.json");

const FROM_GATEWAY: &[&str] = &[
    r#"{"hello":"tetherd","protocol":1,"gateway":"plant-7","spool":"9f0c2b7a","next":1763625600000017}"#,
    r#"{"offset":1763625600000016,"event":"started","time":"2026-11-20T08:00:00.001Z","clean":true}"#,
    r#"{"offset":1763625600000017,"event":"online","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:00:00.123Z","peer":"10.1.2.3:40112","connections":12}"#,
    r#"{"offset":1763625600000018,"event":"data","imei":"860000000000001","session":"5f0c000000000001","seq":1,"time":"2026-11-20T08:00:00.200Z","peer":"10.1.2.3:40112","connections":12,"data":"AQMEAAEAAg=="}"#,
    r#"{"offset":1763625600000018,"event":"data","imei":"unknown","session":"5f0c000000000001","seq":1,"time":"2026-11-20T08:00:00.200Z","peer":"unix:7","connections":12,"data":{"type":"Buffer","data":[0,255]}}"#,
    r#"{"offset":1763625600000018,"event":"data","imei":"860000000000001","session":"5f0c000000000001","seq":2,"time":"2026-11-20T08:00:00.200Z","peer":"10.1.2.3:40112","connections":12,"data":"AQMEAAEAAg==","type":34,"seq_device":"9007199254740993","is":"data","check":"bad","fields":{"word":"on"}}"#,
    r#"{"offset":1763625600000019,"event":"idle","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:10:00.200Z","connections":12}"#,
    r#"{"offset":1763625600000020,"event":"offline","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:10:00.201Z","reason":"idle","received_bytes":29,"sent_bytes":0,"connections":11}"#,
    r#"{"offset":1763625600000021,"event":"command","id":"c-1","imei":"860000000000001","attempt":1,"state":"answered","time":"2026-11-20T08:10:00.300Z","data":"AQMEAAEAAg=="}"#,
    r#"{"offset":1763625600000022,"event":"command","id":"c-2","imei":"860000000000001","attempt":2,"state":"failed","time":"2026-11-20T08:10:00.300Z","reason":"uncertain"}"#,
    r#"{"offset":1763625600000029,"event":"gap","from":1763625600000022,"to":1763625600000029,"events":8,"reason":"spool_full"}"#,
    r#"{"error":"this is not JSON; each line must be one JSON object","line":"hm"}"#,
    r#"{"offset":7,"event":"idle","imei":"a","session":"5f0c000000000001","time":"2026-11-20T08:10:00.200Z","connections":0,"of_a_later_version":1}"#,
];

const FROM_WEB_SERVER: &[&str] = &[
    r#"{"ack":1763625600000018}"#,
    r#"{"command":"c-1","imei":"860000000000001","data":"AQMAAAAC","encoding":"base64","ttl":"60s","answer":"frame","timeout":"5s","key":"relay-1","repeat":false}"#,
    r#"{"command":"c-2","imei":"860000000000001","data":"01ff","encoding":"hex","answer":{"match":"^\\x01"}}"#,
    r#"{"command":"c-3","imei":"860000000000001","data":"AQ=="}"#,
    r#"{"cancel":"c-1"}"#,
    r#"{"token":"a secret"}"#,
];

/// Lines that are wrong, each for one reason: what to look for in a good line, and what stands
/// there instead.
const BROKEN: &[(usize, &str, &str)] = &[
    (0, r#""tetherd""#, r#""Tetherd""#),
    (0, r#""protocol":1"#, r#""protocol":2"#),
    (0, r#""gateway":"plant-7","#, ""),
    (0, "1763625600000017", "9007199254740992"),
    (1, "true", r#""yes""#),
    (1, "08:00:00.001Z", "08:00:00Z"),
    (1, "2026-11-20", "2026-13-40"),
    (1, "started", "stopped"),
    (2, "860000000000001", "unknown"),
    (2, "860000000000001", "86 0"),
    (2, "5f0c000000000001", "5f0c"),
    (2, r#""connections":12"#, r#""connections":-1"#),
    (3, r#""seq":1"#, r#""seq":0"#),
    (3, r#","data":"AQMEAAEAAg==""#, ""),
    (3, r#""AQMEAAEAAg==""#, "null"),
    (3, r#"1763625600000018"#, r#""1763625600000018""#),
    (4, "255", "256"),
    (5, r#""check":"bad""#, r#""check":"good""#),
    (5, r#""is":"data""#, r#""is":"poll""#),
    (5, r#"{"word":"on"}"#, r#""on""#),
    (5, r#""type":34"#, r#""type":3.4"#),
    (6, r#""time":"#, r#""when":"#),
    (7, r#""reason":"idle""#, r#""reason":"bored""#),
    (7, r#""sent_bytes":0,"#, ""),
    (8, r#","data":"AQMEAAEAAg==""#, ""),
    (8, "answered", "written"),
    (8, "answered", "done"),
    (8, r#""attempt":1"#, r#""attempt":0"#),
    (9, r#","reason":"uncertain""#, ""),
    (9, "uncertain", "unlucky"),
    (10, r#""to":1763625600000029,"#, ""),
    (10, "spool_full", "accident"),
    (11, r#""line":"hm""#, r#""line":7"#),
    (13, "1763625600000018", "1.5"),
    (13, "1763625600000018", "-1"),
    (13, "}", r#","event":"echo"}"#),
    (14, r#""imei":"860000000000001","#, ""),
    (14, r#""ttl":"60s""#, r#""ttl":60"#),
    (14, r#""ttl":"60s""#, r#""tll":"60s""#),
    (14, r#""answer":"frame""#, r#""answer":"line""#),
    (14, "base64", "base32"),
    (15, "match", "matches"),
    (17, r#""c-1""#, r#""""#),
    (18, r#""a secret""#, "true"),
];

struct Lines {
    schemas: Schemas,
    any: SchemaIndex,
    from_gateway: SchemaIndex,
    from_web_server: SchemaIndex,
}

impl Lines {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let at = "urn:tetherd:lines:1";
        compiler.add_resource(at, serde_json::from_str(SCHEMA).unwrap()).unwrap();
        let mut compile = |part: &str| {
            let place = format!("{at}#{part}");
            compiler.compile(&place, &mut schemas).unwrap_or_else(|fault| panic!("{fault:#}"))
        };
        let any = compile("");
        let from_gateway = compile("/$defs/from_gateway");
        let from_web_server = compile("/$defs/from_web_server");
        Self { schemas, any, from_gateway, from_web_server }
    }

    fn fault(&self, line: &str, schema: SchemaIndex) -> Option<String> {
        let value: Value = serde_json::from_str(line).unwrap();
        self.schemas.validate(&value, schema).err().map(|fault| format!("{line}\n{fault:#}"))
    }
}

#[test]
fn lines_of_both_directions_are_valid_and_belong_to_one_direction_only() {
    let lines = Lines::new();
    for line in FROM_GATEWAY {
        assert_eq!(lines.fault(line, lines.any), None);
        assert_eq!(lines.fault(line, lines.from_gateway), None);
        assert!(lines.fault(line, lines.from_web_server).is_some(), "{line}");
    }
    for line in FROM_WEB_SERVER {
        assert_eq!(lines.fault(line, lines.any), None);
        assert_eq!(lines.fault(line, lines.from_web_server), None);
        assert!(lines.fault(line, lines.from_gateway).is_some(), "{line}");
    }
}

#[test]
fn broken_lines_are_invalid() {
    let lines = Lines::new();
    let good: Vec<_> = FROM_GATEWAY.iter().chain(FROM_WEB_SERVER).collect();
    for (number, right, wrong) in BROKEN {
        let broken = good[*number].replacen(right, wrong, 1);
        assert_ne!(&broken, good[*number], "{right} is not in it");
        assert!(lines.fault(&broken, lines.any).is_some(), "{broken} is taken");
    }
    for line in ["{}", "[]", "7", r#""ack""#, "null", r#"{"ack":1,"cancel":"c-1"}"#] {
        assert!(lines.fault(line, lines.any).is_some(), "{line} is taken");
    }
}

#[test]
fn the_words_and_forms_of_the_schema_are_those_of_the_program() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let words = |place: &str| -> Vec<_> {
        let list = schema.pointer(place).and_then(Value::as_array).unwrap();
        list.iter().map(|word| word.as_str().unwrap()).collect()
    };
    let endings: Vec<_> = CloseReason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words("/$defs/close_reason/enum"), endings);
    let mut gaps = words("/$defs/gap/properties/reason/enum");
    let mut drops = DropReason::ALL.map(DropReason::as_str);
    gaps.sort_unstable();
    drops.sort_unstable();
    assert_eq!(gaps, drops);

    let states: Vec<_> = CommandState::ALL.iter().map(|state| state.as_str()).collect();
    assert_eq!(words("/$defs/command/properties/state/enum"), states);
    let faults: Vec<_> = CommandFault::ALL.iter().map(|fault| fault.as_str()).collect();
    assert_eq!(words("/$defs/command/properties/reason/enum"), faults);

    let lines = Lines::new();
    let (session, time) = (SessionId(u64::MAX), UnixMillis(1_763_625_600_000));
    let peer = Peer::ip(([10, 1, 2, 3], 40112).into());
    let online = format!(
        r#"{{"offset":1,"event":"online","imei":"a","session":"{session}","time":"{time}","peer":"{peer}","connections":1}}"#
    );
    assert_eq!(lines.fault(&online, lines.from_gateway), None);
    for span in [Span::millis(1), Span::seconds(60), Span::seconds(86_400)] {
        let command = format!(r#"{{"command":"c","imei":"a","data":"AA==","ttl":"{span}"}}"#);
        assert_eq!(lines.fault(&command, lines.from_web_server), None);
        assert!(tetherd::commands::parse(&command).is_ok(), "{command}");
    }
}
