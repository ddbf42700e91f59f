use data_encoding::BASE64;
use serde_json::Value;

/// Bytes on one line.
const A_LINE: usize = 16;

/// Where the text of a line begins, behind the bytes in hexadecimal.
const HEX_WIDTH: usize = A_LINE * 3 - 1;

/// The lines for people behind `begin` of the bytes that `facts` hold; nothing where there are none.
pub(super) fn dumped(facts: &Value, begin: &str) -> Option<String> {
    let key = if facts["event"] == "opened" { "first_bytes" } else { "bytes" };
    let bytes = BASE64.decode(facts[key].as_str()?.as_bytes()).ok()?;
    let mut begin = begin.to_owned();
    let mut text = String::new();
    for line in bytes.chunks(A_LINE) {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!("{begin}{:HEX_WIDTH$}  {}\n", hex.join(" "), line.escape_ascii());
        begin = " ".repeat(begin.len());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_stand_in_hexadecimal_beside_a_text_without_control_characters() {
        let bytes = BASE64.encode(b"ETUNG:me\r\n\x1b[31m\xff\"\\~");
        let lines =
            dumped(&json!({ "event": "received", "bytes": bytes }), "now received ").unwrap();
        assert_eq!(
            lines,
            "now received 45 54 55 4e 47 3a 6d 65 0d 0a 1b 5b 33 31 6d ff  \
             ETUNG:me\\r\\n\\x1b[31m\\xff\n             \
             22 5c 7e                                         \\\"\\\\~\n"
        );
        assert!(lines.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn what_holds_no_bytes_is_no_dump() {
        let closed = json!({ "event": "closed", "reason": "idle" });
        assert_eq!(dumped(&closed, ""), None);
        assert_eq!(dumped(&json!({ "event": "sent", "bytes": "no base64" }), ""), None);
        assert_eq!(dumped(&json!({ "event": "opened" }), ""), None);
    }
}
