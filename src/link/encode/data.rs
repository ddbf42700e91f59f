//! A device's bytes as a JSON value that needs no look at other chunks.

use base64_simd::STANDARD;
use hex_simd::AsciiCase;

/// Writes `data` in quotes as base64 with padding.
pub(super) fn base64(out: &mut Vec<u8>, data: &[u8]) {
    out.push(b'"');
    STANDARD.encode_append(data, out);
    out.push(b'"');
}

/// Writes `data` in quotes as lower-case hex.
pub(super) fn hex(out: &mut Vec<u8>, data: &[u8]) {
    out.push(b'"');
    hex_simd::encode_append(data, out, AsciiCase::Lower);
    out.push(b'"');
}

/// Writes `data` as `JSON.stringify` writes a Node `Buffer`.
pub(super) fn buffer(out: &mut Vec<u8>, data: &[u8]) {
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
