//! The stand-in web server on real sockets, with the test as its gateway.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time,
};

use super::{
    Acknowledge, Behaviour, Meeting, Say, Target, Violation, WebMemory, WebServer, WebSettings,
};

const SOON: Duration = Duration::from_secs(10);
const HELLO: &str = r#"{"hello":"tetherd","protocol":1,"gateway":"g","spool":"s","next":1}"#;

async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(SOON, what).await.expect("it happens in time")
}

fn event(offset: u64) -> String {
    format!(r#"{{"offset":{offset},"event":"started","time":"t","clean":true}}"#)
}

fn anywhere() -> Meeting {
    Meeting::Listen("127.0.0.1:0".parse().expect("an address"))
}

async fn behaving(behaviours: impl IntoIterator<Item = Behaviour>) -> WebServer {
    let memory = Arc::new(WebMemory::new(WebSettings::default()));
    WebServer::resume(anywhere(), memory, behaviours).await.expect("a port")
}

struct Gateway(BufReader<TcpStream>);

impl Gateway {
    async fn connect(server: &WebServer) -> Self {
        let stream = TcpStream::connect(server.address().to_string()).await;
        Self(BufReader::new(stream.expect("it listens")))
    }

    /// Writes these lines at once.
    async fn write(&mut self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        soon(self.0.write_all(text.as_bytes())).await.expect("written");
    }

    async fn hello(server: &WebServer) -> Self {
        let mut gateway = Self::connect(server).await;
        gateway.write(&[HELLO.to_owned()]).await;
        gateway
    }

    /// The next line; empty at the end.
    async fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        soon(self.0.read_until(b'\n', &mut line)).await.expect("a line");
        line
    }

    async fn text(&mut self) -> String {
        String::from_utf8(self.line().await).expect("a text")
    }
}

#[tokio::test]
async fn a_good_one_acknowledges_what_it_has_read() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(1)]).await;
    assert_eq!(gateway.text().await, "{\"ack\":1}\n");
    gateway.write(&[event(2), event(3)]).await;
    soon(server.wait_until(SOON, |report| report.started == 3)).await.expect("all lines");
    let mut last = String::new();
    while last != "{\"ack\":3}\n" {
        last = gateway.text().await;
    }
    drop(gateway);
    soon(server.wait_until(SOON, |report| report.connected == 0)).await.expect("the end");
    let report = server.report();
    assert_eq!((report.links, report.lines, report.violations, report.cut_lines), (1, 4, 0, 0));
    assert_eq!(report.last_lines.back(), Some(&event(3)));
}

#[tokio::test]
async fn waiting_in_vain_ends_with_what_was_seen() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let missed = server.wait_until(Duration::from_millis(1), |_| false).await;
    let text = missed.expect_err("never").to_string();
    assert!(text.starts_with("not reached within 0.001 s: 0 links, 0 lines"), "{text}");
}

#[tokio::test]
async fn acknowledgements_come_as_they_are_asked_for() {
    for (acknowledge, expected) in [
        (Acknowledge::EachLine, "{\"ack\":8}\n{\"ack\":9}\n"),
        (Acknowledge::Late(Duration::from_millis(20)), "{\"ack\":9}\n"),
        (Acknowledge::Ahead(1000), "{\"ack\":1009}\n"),
        (Acknowledge::Behind(5), "{\"ack\":4}\n"),
    ] {
        let server = behaving([Behaviour::acknowledging(acknowledge)]).await;
        let mut gateway = Gateway::connect(&server).await;
        gateway.write(&[HELLO.to_owned(), event(8), event(9)]).await;
        let mut answer = vec![0; expected.len()];
        soon(gateway.0.read_exact(&mut answer)).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), expected, "{acknowledge:?}");
    }
}

#[tokio::test]
async fn one_that_never_acknowledges_reads_all_the_same() {
    let server = behaving([Behaviour::acknowledging(Acknowledge::Never)]).await;
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(1)]).await;
    soon(server.wait_until(SOON, |report| report.started == 1)).await.expect("it reads");
    soon(server.stop()).await;
    assert_eq!(gateway.text().await, "");
}

#[tokio::test]
async fn it_drops_the_link_and_behaves_otherwise_on_the_next() {
    let drops = Behaviour { drop_after: Some(2), ..Behaviour::default() };
    let server = behaving([drops, Behaviour::default()]).await;
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(1)]).await;
    assert_eq!(gateway.text().await, "{\"ack\":1}\n");
    assert_eq!(gateway.text().await, "");
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(2)]).await;
    assert_eq!(gateway.text().await, "{\"ack\":2}\n");
}

#[tokio::test]
async fn one_that_stops_reading_leaves_the_rest_where_it_is_and_the_link_open() {
    let stops = Behaviour { stop_reading_after: Some(2), ..Behaviour::default() };
    let server = behaving([stops, Behaviour::default()]).await;
    let mut gateway = Gateway::connect(&server).await;
    gateway.write(&[HELLO.to_owned(), event(1), event(2)]).await;
    assert_eq!(gateway.text().await, "{\"ack\":1}\n");
    gateway.write(&[event(3)]).await;
    // The other link has its turn, so this one could have had its own.
    let mut other = Gateway::hello(&server).await;
    other.write(&[event(2)]).await;
    assert_eq!(other.text().await, "{\"ack\":2}\n");
    assert_eq!(server.look(|report| (report.lines, report.connected)), (4, 2));
    let without_the_third = 2 * HELLO.len() + 3 * event(1).len() + 5;
    assert!(server.look(|report| report.bytes) <= without_the_third as u64);
}

#[tokio::test]
async fn it_says_what_it_should_not() {
    let server = behaving([Behaviour::saying(Say::Garbage)]).await;
    let mut gateway = Gateway::hello(&server).await;
    assert_eq!(gateway.line().await, b"hello?\n");
    gateway.write(&[event(1)]).await;
    while gateway.line().await != b"{\"ack\":1}\n" {}

    let server = behaving([Behaviour::saying(Say::HalfLine)]).await;
    let mut gateway = Gateway::hello(&server).await;
    assert_eq!(gateway.text().await, "{\"ack\":17");
    assert_eq!(gateway.text().await, "");

    let server = behaving([Behaviour::saying(Say::LongLine(10 << 20))]).await;
    let mut gateway = Gateway::hello(&server).await;
    assert_eq!(gateway.line().await.len(), (10 << 20) + 1);

    let server = behaving([Behaviour { echo: true, ..Behaviour::default() }]).await;
    let mut gateway = Gateway::hello(&server).await;
    assert_eq!(gateway.text().await, format!("{HELLO}\n"));
    gateway.write(&[event(1)]).await;
    assert_eq!(gateway.text().await, format!("{}\n", event(1)));
}

#[tokio::test]
async fn a_link_without_hello_and_a_line_cut_off_are_seen() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let mut gateway = Gateway::connect(&server).await;
    gateway.write(&[event(1)]).await;
    gateway.0.write_all(b"{\"offset\":2").await.expect("written");
    drop(gateway);
    soon(server.wait_until(SOON, |report| report.cut_lines == 1)).await.expect("the end");
    let report = server.report();
    assert!(matches!(report.first_violations[..], [Violation::NoHello(_)]));
}

#[tokio::test]
async fn a_line_that_is_too_long_or_no_text_is_passed_over() {
    let settings = WebSettings { max_line: 1000, ..WebSettings::default() };
    let memory = Arc::new(WebMemory::new(settings));
    let server = WebServer::resume(anywhere(), memory, []).await.expect("a port");
    let mut gateway = Gateway::hello(&server).await;
    let long = "x".repeat(100_000);
    gateway.write(&[event(1), long, event(2)]).await;
    gateway.0.write_all(b"\xff\n").await.expect("written");
    gateway.write(&[event(3)]).await;
    soon(server.wait_until(SOON, |report| report.started == 3)).await.expect("all lines");
    let found = server.report().first_violations;
    assert!(matches!(found[..], [Violation::TooLong(1000), Violation::NotALine(_)]), "{found:?}");
}

#[tokio::test]
async fn what_it_remembers_outlives_it() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let address = server.address().clone();
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(1), event(2)]).await;
    soon(server.wait_until(SOON, |report| report.started == 2)).await.expect("all lines");
    let memory = soon(server.stop()).await;
    let server = WebServer::resume(Meeting::Listen(address), memory, []).await.expect("its port");
    let mut gateway = Gateway::hello(&server).await;
    gateway.write(&[event(2), event(3)]).await;
    soon(server.wait_until(SOON, |report| report.started == 3)).await.expect("all lines");
    assert_eq!(server.look(|report| (report.repeats, report.links, report.violations)), (1, 2, 0));
}

#[tokio::test]
async fn it_connects_to_a_gateway_that_listens_and_says_its_token_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gateway = Target::from(listener.local_addr().expect("its address"));
    let token = Some("se\"cret".to_owned());
    let server = WebServer::start(Meeting::Dial { gateway, token }).await.expect("no need");
    for round in 1..=2 {
        let (stream, _) = soon(listener.accept()).await.expect("a connection");
        let mut gateway = Gateway(BufReader::new(stream));
        assert_eq!(gateway.text().await, "{\"token\":\"se\\\"cret\"}\n");
        gateway.write(&[HELLO.to_owned(), event(round)]).await;
        assert_eq!(gateway.text().await, format!("{{\"ack\":{round}}}\n"));
    }
    soon(server.stop()).await;
}

#[tokio::test]
async fn lines_from_outside_reach_the_gateway() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let mut gateway = Gateway::hello(&server).await;
    soon(server.wait_until(SOON, |report| report.hellos == 1)).await.expect("a link");
    assert_eq!(server.send("{\"cancel\":\"c-1\"}"), 1);
    assert_eq!(gateway.text().await, "{\"cancel\":\"c-1\"}\n");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_by_its_address() {
    let server = WebServer::start(anywhere()).await.expect("a port");
    let taken = server.address().clone();
    let fault = WebServer::start(Meeting::Listen(taken.clone())).await.expect_err("taken");
    let text = fault.to_string();
    assert!(text.contains(&taken.to_string()) && text.contains("address in use"), "{text}");
}

#[tokio::test]
async fn a_flood_does_not_keep_those_who_wait_from_seeing_it() {
    const LINES: u64 = 100_000;
    let server = WebServer::start(anywhere()).await.expect("a port");
    let address = server.address().to_string();
    let flood = std::thread::spawn(move || {
        let lines: String = (1..=LINES).map(|offset| event(offset) + "\n").collect();
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        let written =
            std::io::Write::write_all(&mut stream, format!("{HELLO}\n{lines}").as_bytes());
        // Closed now, with acknowledgements unread, it would reset the link.
        written.map(|()| stream)
    });
    soon(server.wait_until(SOON, |report| report.started > 0)).await.expect("the first lines");
    assert!(server.look(|report| report.started) < LINES / 2);
    soon(server.wait_until(SOON, |report| report.started == LINES)).await.expect("all lines");
    flood.join().expect("no panic").expect("written");
}

#[tokio::test]
async fn a_unix_socket_is_free_again_once_it_has_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("web.sock");
    for _ in 0..2 {
        let meeting = Meeting::Listen(Target::Unix(path.clone()));
        let server = WebServer::start(meeting).await.expect("its path");
        let mut stream = tokio::net::UnixStream::connect(&path).await.expect("it listens");
        stream.write_all(format!("{HELLO}\n{}\n", event(1)).as_bytes()).await.expect("written");
        let mut ack = [0; 10];
        soon(stream.read_exact(&mut ack)).await.expect("an acknowledgement");
        assert_eq!(&ack, b"{\"ack\":1}\n");
        soon(server.stop()).await;
    }
}
