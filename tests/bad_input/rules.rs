use std::fs;

use tetherd::{
    config::{Options, load},
    model::CloseReason,
};

use crate::{
    books_balance, ended,
    harness::{Rig, launch, settings, until, web_server},
    taken,
};

#[actix_rt::test]
async fn with_hold_what_came_before_the_name_is_delivered_under_it() {
    let rig = Rig::with("unregistered = 'hold'", "", "").await;
    let mut device = rig.connect().await;
    device.write(b"early ").await;
    taken(&device).await;
    device.write(b"ETUNG:late\r\nand data").await;
    rig.sees(|report| report.name("late").bytes == 14).await;
    assert_eq!(rig.web.look(|report| report.name("unknown").bytes), 0);
    drop(device);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn with_forward_nameless_bytes_are_told_as_unknown_which_is_never_online() {
    let rig = Rig::with("unregistered = 'forward'", "", "").await;
    let mut device = rig.connect().await;
    device.write(b"who am I?").await;
    rig.sees(|report| report.name("unknown").bytes == 9).await;
    device.write(b"ETUNG:known\r\ndata").await;
    rig.sees(|report| report.name("known").bytes == 4).await;
    let mut forever = rig.connect().await;
    forever.write(&[b'x'; 100_000]).await;
    rig.sees(|report| report.name("unknown").bytes == 100_009).await;
    forever.finish().await;
    device.finish().await;
    books_balance(&rig).await;
    let report = rig.stop().await;
    assert_eq!((report.online, report.offline), (1, 1));
}

#[actix_rt::test]
async fn with_forward_the_beginning_of_a_head_that_never_goes_on_is_told_in_the_end() {
    let rig = Rig::with("unregistered = 'forward'", "", "").await;
    let mut device = rig.connect().await;
    device.write(b"dataETU").await;
    rig.sees(|report| report.name("unknown").bytes == 7).await;
    device.finish().await;
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn with_close_the_first_byte_that_begins_no_head_ends_the_session() {
    let rig = Rig::with("unregistered = 'close'", "", "").await;
    let mut good = rig.connect().await;
    for byte in b"ETUNG:good\r\n" {
        good.write(&[*byte]).await;
        taken(&good).await;
    }
    rig.sees(|report| report.name("good").online).await;
    for (number, bad) in (1..).zip([&b"x"[..], b"ETUX", b" ETUNG:bad\r\n", b"\0"]) {
        let mut device = rig.connect().await;
        device.write(bad).await;
        device.ended().await;
        ended(&rig, CloseReason::Unidentified, number).await;
    }
    drop(good);
    books_balance(&rig).await;
    assert_eq!(rig.stop().await.online, 1);
}

#[actix_rt::test]
async fn with_every_the_packet_is_taken_out_wherever_it_stands_and_another_name_ends_it() {
    let rig = Rig::with("registration = 'every'", "", "").await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:e1\r\noneETUNG:e1\r\ntwo").await;
    rig.sees(|report| report.name("e1").bytes == 6).await;
    for byte in b"ETUNG:e1\r\nthree" {
        device.write(&[*byte]).await;
        taken(&device).await;
    }
    rig.sees(|report| report.name("e1").bytes == 11).await;
    device.write(b"ETUNG:other\r\nmine").await;
    device.ended().await;
    rig.sees(|report| report.reasons.get("malformed") == Some(&1)).await;
    books_balance(&rig).await;
    let report = rig.stop().await;
    assert_eq!((report.name("e1").bytes, report.name("other").bytes), (11, 0));
}

#[actix_rt::test]
async fn a_forwarded_registration_is_delivered_as_data_byte_for_byte() {
    for (registration, sent, expected) in [
        ("once", &b"ETUNG:fwd\r\ndata"[..], 15),
        ("every", b"ETUNG:fwd\r\noneETUNG:fwd\r\ntwo", 28),
        ("once", b"earlyETUNG:fwd\r\ndata", 20),
    ] {
        let keys = format!("forward_registration = true\nregistration = '{registration}'");
        let rig = Rig::with(&keys, "", "").await;
        let mut device = rig.connect().await;
        device.write(sent).await;
        rig.sees(|report| report.name("fwd").bytes == expected).await;
        drop(device);
        books_balance(&rig).await;
        assert_eq!(rig.gateway.counts().filtered_bytes.sum(), 0);
        rig.stop().await;
    }
}

#[actix_rt::test]
async fn a_silence_ends_a_name_only_where_a_protocol_file_says_so_and_only_if_it_fits() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("protocols")).unwrap();
    let protocol = "name = 'silent'\n[registration]\nhead = 'ETUNG:'\nterminators = ['\\n']\n\
                    gap = '200ms'\nname_pattern = 'pump-\\d+'\n";
    fs::write(folder.path().join("protocols/silent.toml"), protocol).unwrap();
    let web = web_server(Default::default(), [Default::default()]).await;
    let listener = "protocol = 'silent'\nregistration_timeout = '1s'";
    let toml = settings(&web.address().to_string(), listener, "", "");
    fs::write(folder.path().join("local.toml"), toml).unwrap();
    let options =
        Options { paths: vec![folder.path().to_owned()], search: Vec::new(), ..Options::default() };
    let loaded = load(&options).unwrap_or_else(|faults| panic!("{faults}"));
    let (gateway, telemetry, records) = launch(loaded, |builder| builder).await;
    let rig = Rig { gateway, web, records, telemetry };

    let mut fits = rig.connect().await;
    fits.write(b"ETUNG:pump-7").await;
    rig.sees(|report| report.name("pump-7").online).await;
    fits.write(b"\x01\x03").await;
    rig.sees(|report| report.name("pump-7").bytes == 2).await;
    let mut does_not = rig.connect().await;
    does_not.write(b"ETUNG:pump-").await;
    does_not.ended().await;
    ended(&rig, CloseReason::RegistrationTimeout, 1).await;
    // Glued data makes it a name that does not fit: silence must not turn it into one.
    let mut glued = rig.connect().await;
    glued.write(b"ETUNG:pump-8DATA").await;
    glued.ended().await;
    ended(&rig, CloseReason::RegistrationTimeout, 2).await;
    let mut terminated = rig.connect().await;
    terminated.write(b"ETUNG:any-name\nx").await;
    rig.sees(|report| report.name("any-name").bytes == 1).await;
    until("both hold their names", || rig.gateway.names() == ["any-name", "pump-7"]).await;
    drop((fits, terminated));
    books_balance(&rig).await;
    assert_eq!(rig.stop().await.online, 2);
}
