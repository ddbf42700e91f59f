use serde_json::{Value, json};

use crate::{
    messages::{Opened, TapEvent, TapItem, Tapped},
    model::Name,
};

/// What a tap shows, as a server-sent event.
pub(super) fn written(item: TapItem) -> String {
    let (kind, facts) = match item {
        TapItem::Missed { time, events, bytes } => {
            let time = time.to_string();
            ("missed", json!({ "event": "missed", "time": time, "events": events, "bytes": bytes }))
        }
        TapItem::Event(event) => happened(event),
    };
    // JSON has no line feeds of its own.
    format!("event: {kind}\ndata: {facts}\n\n")
}

fn happened(event: TapEvent) -> (&'static str, Value) {
    let kind = match &event.what {
        Tapped::Opened(_) => "opened",
        Tapped::Received(_) => "received",
        Tapped::Sent(_) => "sent",
        Tapped::Closed(_) => "closed",
    };
    let (time, session) = (event.time.to_string(), event.session.to_string());
    let mut facts = json!({ "event": kind, "time": time, "session": session });
    if let Some(name) = &event.name {
        facts["imei"] = Name::as_str(name).into();
    }
    match event.what {
        Tapped::Opened(opened) => stands(*opened, &mut facts),
        Tapped::Received(bytes) | Tapped::Sent(bytes) => facts["bytes"] = base64(&bytes).into(),
        Tapped::Closed(reason) => facts["reason"] = reason.as_str().into(),
    }
    (kind, facts)
}

fn stands(opened: Opened, facts: &mut Value) {
    if let Some(connection) = opened.connection {
        facts["connection"] = connection.to_string().into();
    }
    facts["listener"] = (*opened.listener).into();
    facts["peer"] = opened.peer.into();
    facts["received_bytes"] = opened.received_bytes.into();
    facts["sent_bytes"] = opened.sent_bytes.into();
    if !opened.first_bytes.is_empty() {
        facts["first_bytes"] = base64(&opened.first_bytes).into();
    }
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CloseReason, SessionId, UnixMillis};

    fn of(name: Option<&str>, what: Tapped) -> String {
        let name = name.map(|name| Name::new(name.as_bytes()).unwrap());
        let time = UnixMillis(1_763_625_600_001);
        written(TapItem::Event(TapEvent { time, session: SessionId(0x5f), name, what }))
    }

    #[test]
    fn each_event_is_an_object_on_a_line_with_its_kind_before_it() {
        let begin = r#""time":"2025-11-20T08:00:00.001Z","session":"000000000000005f""#;
        let bytes = || b"\n\n\xff".as_slice().into();
        assert_eq!(
            of(None, Tapped::Received(bytes())),
            format!(
                "event: received\ndata: {{\"event\":\"received\",{begin},\"bytes\":\"Cgr/\"}}\n\n"
            )
        );
        assert_eq!(
            of(Some("me"), Tapped::Closed(CloseReason::Idle)),
            format!(
                "event: closed\n\
                 data: {{\"event\":\"closed\",{begin},\"imei\":\"me\",\"reason\":\"idle\"}}\n\n"
            )
        );
        let opened = Opened {
            connection: Some(SessionId(1)),
            listener: "dtu".into(),
            peer: "10.1.2.3:4".to_owned(),
            received_bytes: 2,
            sent_bytes: 3,
            first_bytes: b"x".to_vec(),
        };
        assert_eq!(
            of(None, Tapped::Opened(Box::new(opened))),
            format!(
                "event: opened\ndata: {{\"event\":\"opened\",{begin},\
                 \"connection\":\"0000000000000001\",\"listener\":\"dtu\",\"peer\":\"10.1.2.3:4\",\
                 \"received_bytes\":2,\"sent_bytes\":3,\"first_bytes\":\"eA==\"}}\n\n"
            )
        );
    }
}
