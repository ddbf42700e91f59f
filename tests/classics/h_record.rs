use std::{fs, path::Path};

use crate::{
    harness::{Dtu, until},
    program::Program,
};

async fn recorded(file: &Path, expected: &str) {
    until("it is recorded", || fs::read(file).unwrap().len() >= expected.len()).await;
    assert_eq!(fs::read_to_string(file).unwrap(), expected);
}

fn holds_open(server: &Program, file: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let file = file.canonicalize().unwrap();
    open.flatten().any(|it| fs::read_link(it.path()).is_ok_and(|link| link == file))
}

#[actix_rt::test]
async fn h_all_that_devices_say_stands_in_one_file_that_stays_open_when_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.bin");
    fs::write(&file, "before;").unwrap();
    let server = Program::example("record", &["127.0.0.1:0", file.to_str().unwrap()]);
    let address = server.address().await;
    let mut one = Dtu::connect(&address).await;
    let mut two = Dtu::connect(&address).await;
    let mut expected = "before;".to_owned();
    for round in 0..3 {
        for (name, device) in [("one", &mut one), ("two", &mut two)] {
            let message = format!("{name} {round};");
            device.write(message.as_bytes()).await;
            expected += &message;
            recorded(&file, &expected).await;
        }
    }
    one.finish().await;
    assert_eq!(one.rest().await.unwrap(), b"");
    two.reset();
    assert!(holds_open(&server, &file));
    let mut three = Dtu::connect(&address).await;
    three.write(b"last words").await;
    three.finish().await;
    recorded(&file, &(expected + "last words")).await;
    server.stop().await;
}
