//! What is found in the folder of the spool: another process, a later format, damage, nothing.

use std::{fs, path::Path, sync::Arc};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    devices::{message, messages},
    harness::process::{Ended, Program},
    stand::{
        Web, configuration, configuration_for, folder, listener, nobodys_address, online, segments,
        spool_in, stop, upstream,
    },
    story::Story,
};

/// Small segments: half a MiB each.
const SMALL: &str = "max_size = '4MiB'";

struct Scene {
    folder: Arc<TempDir>,
    address: String,
    web: Web,
}

impl Scene {
    fn new() -> Self {
        Self { folder: folder(), address: nobodys_address(), web: Web::away(100_000) }
    }

    fn toml(&self, flush: &str, spool: &str) -> String {
        let upstream = upstream("web", &self.web.address, "");
        configuration_for(flush, &listener(&self.address, "max_frame = '8KiB'"), spool, &upstream)
    }

    fn start(&self) -> Program {
        Program::in_folder(&self.folder, &self.toml("10ms", SMALL))
    }

    fn spool(&self) -> std::path::PathBuf {
        spool_in(&self.folder)
    }

    /// The program has run and stopped, and left so many bytes of messages for a web server that
    /// was away. Answers how many messages they are.
    async fn leave(&self, bytes: usize) -> u64 {
        let program = self.start();
        let mut device = online(&program, &self.address, "d").await;
        let count = (bytes / message("d", 0).len()) as u64;
        for first in (0..count).step_by(500) {
            device.write(&messages("d", first..count.min(first + 500))).await;
        }
        stop(program).await;
        count
    }

    /// The web server comes, the program starts, and the story is told up to its `started`.
    async fn told(&mut self) -> (Story, Program) {
        self.web.come([Default::default()]).await;
        let program = self.start();
        let mut story = Story::default();
        let opened = program.says("spool opened", |_| true).await;
        let started = opened["next"].as_u64().unwrap();
        self.web.tells(&mut story, "its start", |story| story.last_event >= started).await;
        (story, program)
    }
}

#[tokio::test]
async fn a_second_process_on_the_folder_is_refused_with_the_pid_of_the_first() {
    let mut scene = Scene::new();
    scene.web.come([Default::default()]).await;
    let program = scene.start();
    let mut device = online(&program, &scene.address, "d").await;
    let path = format!("path = '{}'", scene.spool().display());
    let upstream = upstream("web", &scene.web.address, "");
    let other = configuration(&listener("127.0.0.1:0", ""), &path, &upstream);
    let other_folder = folder();
    let mut second = Program::in_folder(&other_folder, &other);
    let expected = format!(
        "tetherd: run: spool.path: the spool folder {} is held by process {}: stop that process, or \
         give this one a folder of its own",
        scene.spool().display(),
        program.id()
    );
    assert_eq!(second.ends().await, Ended { code: Some(1), last_line: expected });
    // The first has not noticed.
    device.write(b"still here").await;
    scene.web.sees("it goes on", |report| report.name("d").bytes == 10).await;
    // Killed, it leaves nothing that keeps the second from the folder.
    program.kill();
    let second = Program::in_folder(&other_folder, &other);
    second.enters("running").await;
    stop(second).await;
}

/// Changes the text of the state in both of its places.
fn edit_state(path: &Path, edit: impl Fn(&str) -> String) {
    let mut bytes = fs::read(path).unwrap();
    for place in bytes.chunks_mut(64 << 10) {
        // magic 8 │ crc 4 │ length 4 │ generation 8 │ text
        if place[..8] != *b"tdstate\x16" {
            continue;
        }
        let length = u32::from_le_bytes(place[12..16].try_into().unwrap()) as usize;
        let text = edit(std::str::from_utf8(&place[24..24 + length]).unwrap());
        assert_eq!(text.len(), length);
        place[24..24 + length].copy_from_slice(text.as_bytes());
        let crc = crc32fast::hash(&place[16..24 + length]);
        place[8..12].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_spool_of_a_later_format_is_refused_by_name_and_left_as_it_is() {
    let mut scene = Scene::new();
    let count = scene.leave(10_000).await;
    let state = scene.spool().join("state");
    edit_state(&state, |text| text.replace("\"format\":1,", "\"format\":7,"));
    let (edited, names) = (fs::read(&state).unwrap(), segments(&scene.spool()));
    let mut program = scene.start();
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    let line = format!(
        "tetherd: run: spool.path: {}: the spool was written in format 7 by a later version, and \
         this one knows formats up to 1; start the later version, or set spool.path to another \
         folder",
        scene.spool().display()
    );
    assert_eq!(ended.last_line, line);
    assert_eq!((fs::read(&state).unwrap(), segments(&scene.spool())), (edited, names));

    edit_state(&state, |text| text.replace("\"format\":7,", "\"format\":1,"));
    let (story, program) = scene.told().await;
    assert_eq!(story.said("d"), messages("d", 0..count));
    stop(program).await;
}

/// What the device said with a part missing: the beginning, and what came behind the hole.
fn is_missing_a_part(said: &[u8], count: u64) {
    let whole = messages("d", 0..count);
    let begin = said.iter().zip(&whole).take_while(|(said, whole)| said == whole).count();
    assert!(whole.ends_with(&said[begin..]), "more than a part is missing");
    assert!(said.len() < whole.len() && said.len() > whole.len() / 4, "{}", said.len());
}

fn damaged(program: &Program) -> Vec<Value> {
    program.saying("spool damaged")
}

#[tokio::test]
async fn a_damaged_place_costs_its_frame_and_is_told_kept_and_passed() {
    let mut scene = Scene::new();
    let count = scene.leave(2_000_000).await;
    let segments = segments(&scene.spool());
    assert!(segments.len() >= 4, "{segments:?}");
    let mut bytes = fs::read(&segments[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&segments[1], bytes).unwrap();

    let (story, program) = scene.told().await;
    let [gap] = &story.gaps[..] else { panic!("{:?}", story.gaps) };
    assert_eq!((gap.reason.as_str(), gap.events), ("damaged", gap.to - gap.from + 1));
    assert!(story.starts.iter().all(|start| start.clean), "it was stopped in good order");
    is_missing_a_part(&story.said("d"), count);
    let told = damaged(&program);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["level"], "error");
    assert_eq!(told[0]["file"], segments[1].file_name().unwrap().to_str().unwrap());
    let kept = scene.spool().join(told[0]["kept"].as_str().unwrap());
    assert_eq!(fs::metadata(kept).unwrap().len(), told[0]["bytes"].as_u64().unwrap());
    stop(program).await;
    assert_eq!(scene.web.report().first_violations, []);
}

#[tokio::test]
async fn a_segment_that_is_gone_is_a_gap_wherever_it_was() {
    for at in [0, 1] {
        let mut scene = Scene::new();
        let count = scene.leave(2_000_000).await;
        fs::remove_file(&segments(&scene.spool())[at]).unwrap();
        let (story, program) = scene.told().await;
        let [gap] = &story.gaps[..] else { panic!("{:?}", story.gaps) };
        assert_eq!((gap.reason.as_str(), gap.events), ("damaged", gap.to - gap.from + 1));
        is_missing_a_part(&story.said("d"), count);
        stop(program).await;
        assert_eq!(scene.web.report().first_violations, []);
    }
}

#[tokio::test]
async fn without_its_state_all_that_is_stored_is_sent_once_more_with_the_offsets_it_had() {
    let mut scene = Scene::new();
    let count = scene.leave(1_000_000).await;
    let (mut story, program) = scene.told().await;
    assert_eq!(story.said("d"), messages("d", 0..count));
    stop(program).await;
    scene.web.go().await;
    let program = scene.start();
    let mut device = online(&program, &scene.address, "d").await;
    device.write(&messages("d", count..count + 100)).await;
    stop(program).await;
    fs::remove_file(scene.spool().join("state")).unwrap();

    scene.web.come([Default::default()]).await;
    let program = scene.start();
    scene.web.tells(&mut story, "a fourth start", |story| story.starts.len() == 4).await;
    assert_eq!(story.said("d"), messages("d", 0..count + 100));
    // Nobody knows any more whether it was stopped in good order.
    assert!(!story.starts[3].clean);
    stop(program).await;
}
