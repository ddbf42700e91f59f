//! What a stand-in web server looks for in lines.

/// What an event with an offset begins with.
const OFFSET: &[u8] = b"{\"offset\":";

/// The offset in the last of these lines, which are whole.
pub fn last_offset(lines: &[u8]) -> Option<u64> {
    let text = lines.strip_suffix(b"\n")?;
    let last = &text[memchr::memrchr(b'\n', text).map_or(0, |at| at + 1)..];
    let digits = last.strip_prefix(OFFSET)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
