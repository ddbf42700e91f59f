//! No room: by `max_size`, and because somebody else has filled the disk.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    flow::{Flow, PIECE},
    harness::{
        Dtu,
        process::{Ended, Program},
    },
    mounts::Mount,
    stand::{
        Web, configuration, configuration_for, folder, listener, nobodys_address, online, stop,
        upstream,
    },
};

struct Scene {
    folder: Arc<TempDir>,
    address: String,
    web: Web,
}

impl Scene {
    fn new() -> Self {
        Self { folder: folder(), address: nobodys_address(), web: Web::away(100) }
    }

    fn toml(&self, spool: &str) -> String {
        let upstream = upstream("web", &self.web.address, "");
        configuration_for("10ms", &listener(&self.address, ""), spool, &upstream)
    }

    /// On a disk of 12 MiB, with segments of 1 MiB.
    fn start_on(&self, disk: &Mount) -> Program {
        Program::launched(disk.command(), &self.folder, &self.toml("max_size = '8MiB'"))
    }

    async fn flow(&self, program: &Program) -> Flow {
        self.flow_of("flow", program).await
    }

    async fn flow_of(&self, name: &str, program: &Program) -> Flow {
        Flow::over(online(program, &self.address, name).await)
    }

    /// All that the device says arrives, and nothing was ever lost.
    async fn all_arrives(&self, flow: Flow) {
        let hash = flow.end().await;
        self.web.sees("everything", |report| report.offline == report.online).await;
        let report = self.web.report();
        assert_eq!(report.name("flow").hash, hash);
        assert_eq!((report.gaps, &report.first_violations[..]), (0, &[][..]));
    }
}

async fn is_paused(program: &mut Program) {
    program.says("spool full, reading paused", |_| true).await;
    assert!(program.is_alive());
}

async fn goes_on(program: &Program) {
    program.says("spool has room, reading goes on", |_| true).await;
}

/// How often there was no room, as the log tells it.
fn times_full(program: &Program) -> usize {
    program.saying("spool has no room for another segment").len()
}

#[tokio::test]
async fn a_spool_that_is_full_keeps_devices_waiting_until_the_web_server_is_back() {
    let mut scene = Scene::new();
    let toml = scene.toml("max_size = '4MiB'");
    let mut program = Program::in_folder(&scene.folder, &toml);
    let flow = scene.flow(&program).await;
    flow.write(800);
    is_paused(&mut program).await;
    assert_eq!(times_full(&program), 1);
    scene.web.come([Default::default()]).await;
    goes_on(&program).await;
    scene.all_arrives(flow).await;
    stop(program).await;
}

#[tokio::test]
async fn a_full_disk_stops_data_only_is_told_once_and_ends_by_itself() {
    let mut scene = Scene::new();
    let Some(disk) = Mount::new(&scene.folder, "data", 24) else { return };
    scene.web.come([Default::default()]).await;
    // The other one is away, so that nothing is given back.
    let mut other = Web::away(0);
    let upstreams =
        upstream("web", &scene.web.address, "") + &upstream("other", &other.address, "");
    let spool = "max_size = '16MiB'";
    let toml = configuration(&listener(&scene.address, ""), spool, &upstreams);
    let mut program = Program::launched(disk.command(), &scene.folder, &toml);
    let flow = scene.flow(&program).await;
    flow.write(150);
    let first = 150 * PIECE as u64;
    scene.web.sees("it flows", |report| report.name("flow").bytes == first).await;
    disk.fill_but(0);
    // Piece by piece: what is read before the pause is seen goes into the reserve.
    let mut asked = 150;
    while program.saying("spool full, reading paused").is_empty() {
        flow.write(1);
        asked += 1;
        sleep(Duration::from_millis(1)).await;
    }

    // Comings and goings are told, and pass who waits.
    let mut guests = Vec::new();
    for number in 0..20 {
        guests.push(online(&program, &scene.address, &format!("guest{number}")).await);
    }
    scene.web.sees("all guests", |report| report.online == 21).await;
    guests.into_iter().for_each(Dtu::reset);
    scene.web.sees("all have left", |report| report.reasons.get("reset") == Some(&20)).await;
    // All of it would long be there.
    flow.write(100);
    assert!(scene.web.report().name("flow").bytes < (asked + 100) * PIECE as u64);
    assert_eq!(times_full(&program), 1, "{}", program.lines().join("\n"));
    assert_eq!(program.saying("spool full, reading paused").len(), 1);
    assert!(program.is_alive());

    disk.free();
    goes_on(&program).await;
    scene.all_arrives(flow).await;
    other.come([Default::default()]).await;
    other.sees("everything", |report| report.offline == 21).await;
    let (report, reference) = (other.report(), scene.web.report());
    assert_eq!(report.name("flow"), reference.name("flow"));
    assert_eq!((report.gaps, &report.first_violations[..]), (0, &[][..]));
    assert_eq!(program.saying("spool failed").len(), 0, "{}", program.lines().join("\n"));
    stop(program).await;
}

#[tokio::test]
async fn a_full_disk_is_left_by_what_the_web_server_takes() {
    let mut scene = Scene::new();
    let Some(disk) = Mount::new(&scene.folder, "data", 12) else { return };
    let mut program = scene.start_on(&disk);
    let flow = scene.flow(&program).await;
    // Too little for a segment.
    disk.fill_but(256 << 10);
    flow.write(800);
    is_paused(&mut program).await;
    // Not even a kill or a new start changes that.
    program.kill();
    let mut program = scene.start_on(&disk);
    is_paused(&mut program).await;
    drop(flow);
    scene.web.come([Default::default()]).await;
    goes_on(&program).await;
    let second = scene.flow_of("second", &program).await;
    second.write(300);
    let hash = second.end().await;
    // Of the first one, all is told but its ending.
    scene.web.sees("everything", |report| report.offline == 1).await;
    stop(program).await;
    let report = scene.web.report();
    assert_eq!((report.started, report.name("second").hash), (2, hash));
    assert_eq!((report.lost, &report.first_violations[..]), (0, &[][..]));
}

#[tokio::test]
async fn a_start_on_a_full_disk_delivers_what_is_there_and_goes_on_when_there_is_room() {
    let mut scene = Scene::new();
    let Some(disk) = Mount::new(&scene.folder, "data", 12) else { return };
    let program = scene.start_on(&disk);
    let flow = scene.flow(&program).await;
    flow.write(50);
    let hash = flow.end().await;
    program.says("device offline", |_| true).await;
    stop(program).await;
    disk.fill_but(0);
    let mut program = scene.start_on(&disk);
    program.enters("running").await;
    is_paused(&mut program).await;
    scene.web.come([Default::default()]).await;
    scene.web.sees("what is there", |report| report.offline == 1).await;
    assert_eq!(scene.web.report().name("flow").hash, hash);
    disk.free();
    goes_on(&program).await;
    scene.web.sees("its start", |report| report.started == 2).await;
    stop(program).await;
    let report = scene.web.report();
    assert_eq!((report.gaps, &report.first_violations[..]), (0, &[][..]));
}

#[tokio::test]
async fn a_disk_that_is_full_before_the_first_start_is_named() {
    let scene = Scene::new();
    let Some(disk) = Mount::new(&scene.folder, "data", 1) else { return };
    disk.fill_but(0);
    let mut program = scene.start_on(&disk);
    let path = scene.folder.path().join("data/spool");
    let expected = format!(
        "tetherd: run: spool.path: {}: storing the state: No space left on device (os error 28); make \
         room on its disk, or choose another folder",
        path.display()
    );
    assert_eq!(program.ends().await, Ended { code: Some(1), last_line: expected });
    // Nothing that was begun stands in the way once there is room.
    disk.free();
    let program = scene.start_on(&disk);
    program.enters("running").await;
    stop(program).await;
}
