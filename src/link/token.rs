use std::{hint::black_box, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::{LinkFault, LinkFaultKind};

/// How long a web server that connects to us may take to say its token.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of the line with the token.
const LONGEST: usize = 1024;

/// Waits for a first line `{"token":"…"}` with the right token, and answers what came behind it
/// (see [`super::StreamLink::with_early`]).
///
/// # Errors
/// [`LinkFaultKind::WrongToken`] for anything else within `within` ([`TOKEN_TIMEOUT`] is usual)
/// or 1 KiB; the connection should then be closed without a word. The fault never repeats what the
/// peer said.
pub async fn await_token(
    stream: &mut (impl AsyncRead + Unpin),
    token: &str,
    peer: &str,
    within: Duration,
) -> Result<Vec<u8>, LinkFault> {
    let wrong = |detail: &str| LinkFault::new(LinkFaultKind::WrongToken, peer, detail);
    let (line, rest) = timeout(within, first_line(stream))
        .await
        .unwrap_or(Err("no first line came in time"))
        .map_err(wrong)?;
    let Some(said) = token_of(&line) else {
        return Err(wrong("the first line must be {\"token\":\"...\"}"));
    };
    if !are_equal(said.as_bytes(), token.as_bytes()) {
        return Err(wrong("the token differs"));
    }
    Ok(rest)
}

async fn first_line(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    let mut bytes = Vec::with_capacity(LONGEST);
    loop {
        if let Some(end) = memchr::memchr(b'\n', &bytes) {
            let rest = bytes.split_off(end + 1);
            return Ok((bytes, rest));
        }
        let room = LONGEST - bytes.len();
        if room == 0 {
            return Err("the first line is longer than 1 KiB");
        }
        match (&mut *stream).take(room as u64).read_buf(&mut bytes).await {
            Ok(0) => return Err("the connection ended before a first line"),
            Ok(_) => {}
            Err(_) => return Err("the connection broke before a first line"),
        }
    }
}

fn token_of(line: &[u8]) -> Option<String> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    Some(line.get("token")?.as_str()?.to_owned())
}

/// Compares without telling by the time it takes where the first difference is.
pub fn are_equal(said: &[u8], right: &[u8]) -> bool {
    let mut difference = u8::from(said.len() != right.len());
    for (at, byte) in said.iter().enumerate() {
        difference |= black_box(byte ^ right.get(at).copied().unwrap_or_default());
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(bytes: &[u8]) -> Result<Vec<u8>, LinkFault> {
        let mut stream = bytes;
        await_token(&mut stream, "secret", "10.0.0.9:5", TOKEN_TIMEOUT).await
    }

    #[tokio::test]
    async fn the_right_token_opens_and_what_follows_is_kept() {
        assert_eq!(said(b"{\"token\":\"secret\"}\n").await, Ok(Vec::new()));
        let line = b"{\"token\":\"secret\",\"new\":1}\r\n{\"ack\":1}\n{";
        assert_eq!(said(line).await, Ok(b"{\"ack\":1}\n{".to_vec()));
    }

    #[tokio::test]
    async fn anything_else_is_refused_and_never_repeated() {
        let long = [b'x'; 2000];
        let cases: [(&[u8], &str); 8] = [
            (b"{\"token\":\"Secret\"}\n", "differs"),
            (b"{\"token\":\"secre\"}\n", "differs"),
            (b"{\"token\":\"secret \"}\n", "differs"),
            (b"{\"token\":\"\"}\n", "differs"),
            (b"{\"token\":7}\n", "must be"),
            (b"secret\n", "must be"),
            (b"{\"token\":\"secret\"}", "ended before"),
            (&long, "longer than 1 KiB"),
        ];
        for (bytes, why) in cases {
            let fault = said(bytes).await.unwrap_err();
            assert_eq!(fault.kind, LinkFaultKind::WrongToken);
            assert!(fault.detail.contains(why), "{fault}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_refused_in_time() {
        let (mut ours, _theirs) = tokio::io::duplex(64);
        let fault = await_token(&mut ours, "secret", "10.0.0.9:5", TOKEN_TIMEOUT).await;
        assert!(fault.unwrap_err().detail.contains("in time"));
    }
}
