//! What stands in the way of a start: exit code 1, one line that names it, nothing left behind.

use std::{
    net::TcpListener,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

use actix::prelude::*;
use tetherd::{
    app::Gateway,
    config,
    extension::{Moment, Question, Verdict},
};

use crate::{
    harness::{Dtu, Rig},
    process::{Ended, Program},
};

fn failed(line: &str) -> Ended {
    Ended { code: Some(1), last_line: format!("tetherd: run: {line}") }
}

/// A configuration whose first listener is a socket file, so that something is bound when the rest
/// fails. `{}` in it is a port that is taken.
fn behind_a_socket_file(rest: &str, taken: &str) -> String {
    "[drain]\nspread = '0s'\n[listener.first]\naddress = 'unix:first.sock'\n".to_owned()
        + &rest.replace("{}", taken)
}

#[actix_rt::test]
async fn a_taken_port_is_named_with_its_listener_and_nothing_else_is_started() {
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = somebody.local_addr().unwrap().to_string();
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let rest = format!(
        "[listener.second]\naddress = '{{}}'\n[upstream.web]\naddress = '{}'",
        web.local_addr().unwrap()
    );
    let mut program = Program::from_toml(None, &behind_a_socket_file(&rest, &taken));
    let expected = format!(
        "listener.second: {taken} is taken by another process; stop it or choose another address"
    );
    assert_eq!(program.ends().await, failed(&expected));
    assert!(!program.path("first.sock").exists());
    assert_eq!(program.saying("listening").len(), 0);
    web.set_nonblocking(true).unwrap();
    assert!(web.accept().is_err(), "no link was made");
}

#[actix_rt::test]
async fn a_taken_address_of_an_upstream_is_named_as_well() {
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = somebody.local_addr().unwrap().to_string();
    let rest = "[upstream.web]\nmode = 'accept'\naddress = '{}'";
    let mut program = Program::from_toml(None, &behind_a_socket_file(rest, &taken));
    let expected = format!(
        "upstream.web: {taken} is taken by another process; stop it or choose another address"
    );
    assert_eq!(program.ends().await, failed(&expected));
    assert!(!program.path("first.sock").exists());
    assert_eq!(program.saying("listening").len(), 0);
}

#[actix_rt::test]
async fn two_upstreams_at_one_address_leave_no_socket_file_behind() {
    let rest = "[upstream.a]\nmode = 'accept'\naddress = 'unix:a.sock'\n\
                [upstream.b]\nmode = 'accept'\naddress = '{}'";
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = somebody.local_addr().unwrap().to_string();
    let mut program = Program::from_toml(None, &behind_a_socket_file(rest, &taken));
    assert_eq!(program.ends().await.code, Some(1));
    assert!(!program.path("first.sock").exists() && !program.path("a.sock").exists());
}

#[actix_rt::test]
async fn an_address_of_another_machine_is_named_in_the_systems_words() {
    let rest = "[listener.second]\naddress = '192.0.2.1:7000'\n[upstream.web]\naddress = '{}'";
    let mut program = Program::from_toml(None, &behind_a_socket_file(rest, "127.0.0.1:1"));
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.last_line.starts_with("tetherd: run: listener.second: "), "{ended:?}");
    assert!(ended.last_line.contains("192.0.2.1:7000"), "{ended:?}");
    assert!(!program.path("first.sock").exists());
}

#[actix_rt::test]
async fn a_fault_of_the_configuration_is_found_before_anything_is_bound() {
    let rest = "protocol = 'nowhere'\n[upstream.web]\naddress = '{}'";
    let mut program = Program::from_toml(None, &behind_a_socket_file(rest, "127.0.0.1:1"));
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.last_line.contains("listener.first.protocol"), "{ended:?}");
    assert!(!program.path("first.sock").exists());
}

#[actix_rt::test]
async fn a_file_that_is_no_socket_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "do not lose me").unwrap();
    let toml = format!(
        "[listener.dtu]\naddress = 'unix:{}'\n[upstream.web]\naddress = '127.0.0.1:1'\n",
        path.display()
    );
    let mut program = Program::from_toml(None, &toml);
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.last_line.contains("listener.dtu: "), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "do not lose me");
}

#[actix_rt::test]
async fn a_socket_file_in_use_stays_with_whoever_serves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken.sock");
    let served = UnixListener::bind(&path).unwrap();
    let toml = format!(
        "[listener.dtu]\naddress = 'unix:{}'\n[upstream.web]\naddress = '127.0.0.1:1'\n",
        path.display()
    );
    let mut program = Program::from_toml(None, &toml);
    let expected = format!(
        "listener.dtu: unix:{} is taken by another process; stop it or choose another address",
        path.display()
    );
    assert_eq!(program.ends().await, failed(&expected));
    let _device = UnixStream::connect(&path).unwrap();
    served.set_nonblocking(true).unwrap();
    // One connection may be the gateway's own look whether somebody serves it.
    assert!((0..2).any(|_| served.accept().is_ok()));
}

/// Refuses every listener.
struct Never;

impl Actor for Never {
    type Context = Context<Self>;
}

impl Handler<Question> for Never {
    type Result = Verdict;

    fn handle(&mut self, _: Question, _: &mut Context<Self>) -> Verdict {
        Verdict::Refuse("not today".to_owned())
    }
}

#[actix_rt::test]
async fn an_extension_that_refuses_a_listener_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dtu.sock");
    let toml = format!(
        "[listener.dtu]\naddress = 'unix:{}'\n[upstream.web]\naddress = '127.0.0.1:1'\n",
        path.display()
    );
    let builder = Gateway::builder(config::from_toml(&toml).unwrap());
    let decider = Never.start().recipient();
    let refused = builder.decide_leniently(Moment::Listening, decider).start().await;
    let fault = refused.err().expect("it was refused").to_string();
    assert_eq!(fault, "listener.dtu: refused by an extension: not today");
    assert!(!path.exists());
}

#[actix_rt::test]
async fn with_hardly_any_descriptors_a_start_fails_in_one_line_and_leaves_nothing_behind() {
    for descriptors in [6, 9, 12, 16, 24, 40, 63] {
        let rest = "[upstream.web]\nmode = 'accept'\naddress = 'unix:web.sock'";
        let toml = behind_a_socket_file(rest, "");
        let mut program = Program::from_toml(Some(descriptors), &toml);
        let expected = format!(
            "this process may open {descriptors} descriptors; allow it 64 at least, with ulimit \
             -n or LimitNOFILE="
        );
        assert_eq!(program.ends().await, failed(&expected));
        assert!(!program.path("first.sock").exists() && !program.path("web.sock").exists());
    }
}

#[actix_rt::test]
async fn threads_that_find_no_descriptors_are_named_and_nothing_is_left_behind() {
    let rest = "[upstream.web]\nmode = 'accept'\naddress = 'unix:web.sock'";
    let toml = format!("threads = 64\n{}", behind_a_socket_file(rest, ""));
    let mut program = Program::from_toml(Some(64), &toml);
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.last_line.starts_with("tetherd: run: session thread "), "{ended:?}");
    assert!(!program.lines().join("").contains("panicked"));
    assert!(!program.path("first.sock").exists() && !program.path("web.sock").exists());
}

#[actix_rt::test]
async fn a_stopped_gateways_address_is_free_again_at_once() {
    let rig = Rig::plain().await;
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    let _device = rig.online("first").await;
    rig.stop().await;
    let keys = format!("[listener.again]\naddress = '{address}'");
    let rig = Rig::with(&keys, "", "").await;
    let mut device = Dtu::connect(&address).await;
    device.write(b"ETUNG:second;").await;
    rig.sees(|report| report.name("second").online).await;
    rig.stop().await;
    assert!(!Path::new("first.sock").exists());
}
