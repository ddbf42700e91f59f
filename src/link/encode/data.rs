//! A device's bytes as a JSON value that needs no look at other chunks.

use bytes::BytesMut;
use data_encoding::{BASE64, Encoding as Base, HEXLOWER};

/// Writes `data` in quotes as base64 with padding.
pub(super) fn base64(out: &mut BytesMut, data: &[u8]) {
    based(out, data, &BASE64);
}

/// Writes `data` in quotes as lower-case hex.
pub(super) fn hex(out: &mut BytesMut, data: &[u8]) {
    based(out, data, &HEXLOWER);
}

fn based(out: &mut BytesMut, data: &[u8], base: &Base) {
    let length = base.encode_len(data.len());
    let start = out.len() + 1;
    out.resize(start + length + 1, b'"');
    base.encode_mut(data, &mut out[start..start + length]);
}

/// Writes `data` as `JSON.stringify` writes a Node `Buffer`.
pub(super) fn buffer(out: &mut BytesMut, data: &[u8]) {
    out.extend_from_slice(br#"{"type":"Buffer","data":["#);
    let mut digits = itoa::Buffer::new();
    for (at, byte) in data.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(digits.format(*byte).as_bytes());
    }
    out.extend_from_slice(b"]}");
}
