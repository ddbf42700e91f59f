use std::{io::Write, process::Command};

use crate::{
    harness::Dtu,
    program::{Program, has},
};

#[actix_rt::test]
async fn e_each_message_comes_back_as_you_said() {
    let server = Program::example("echo", &["127.0.0.1:0"]);
    let address = server.address().await;
    let mut device = Dtu::connect(&address).await;
    let mut other = Dtu::connect(&address).await;
    for message in [&b"hello"[..], b"\x00\xff binary \"quoted\"", b"line\r\n"] {
        for device in [&mut device, &mut other] {
            device.write(message).await;
            let expected = [b"You said \"", message, b"\"\r\n"].concat();
            assert_eq!(device.read(expected.len()).await, expected);
        }
    }
    device.finish().await;
    assert_eq!(device.rest().await.unwrap(), b"");
    drop(other);
    server.stop().await;
}

#[actix_rt::test]
async fn e_the_echo_may_start_only_after_a_silence() {
    let server = Program::example("echo", &["127.0.0.1:0", "3s"]);
    let address = server.address().await;
    // Both at once, so that no silence comes between.
    let mut early = std::net::TcpStream::connect(&address).unwrap();
    early.write_all(b"too early").unwrap();
    early.set_nonblocking(true).unwrap();
    let mut device = Dtu { stream: tokio::net::TcpStream::from_std(early).unwrap() };
    server.says(&format!("{} has been silent", device.address())).await;
    device.write(b"now").await;
    assert_eq!(device.read(16).await, b"You said \"now\"\r\n");
    drop(device);
    server.stop().await;
}

#[actix_rt::test]
async fn e_a_browser_understands_the_answer() {
    let server = Program::example("hello_browser", &["127.0.0.1:0"]);
    let address = server.address().await;
    let mut browser = Dtu::connect(&address).await;
    browser.write(format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await;
    let answer = String::from_utf8(browser.rest().await.unwrap()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("Hello, browser!"), "{body}");
    drop(browser);

    if has("curl") {
        let url = format!("http://{address}/some/page?of=it");
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"])
            .args(["--write-out", "%{http_code}", &url])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&curl.stdout), format!("{body}200"));
        assert!(curl.status.success() && curl.stderr.is_empty(), "{curl:?}");
    }
    server.stop().await;
}
