use std::{cell::RefCell, rc::Rc, sync::Mutex, time::Duration};

use actix::prelude::*;
use tetherd::{
    extension::{
        Decider, Happened, Moment, Observed, Occurrence, Question, SessionHandle, Verdict,
    },
    messages::Refused,
    model::CloseReason,
};
use tokio::sync::oneshot;

use crate::harness::{Rig, until};

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Notebook(Rc<RefCell<Vec<Occurrence>>>);

struct Observer(Notebook);

impl Actor for Observer {
    type Context = Context<Self>;
}

impl Handler<Observed> for Observer {
    type Result = ();

    fn handle(&mut self, Observed(occurrences): Observed, _: &mut Context<Self>) {
        self.0.0.borrow_mut().extend(occurrences.iter().cloned());
    }
}

impl Notebook {
    fn moments(&self) -> Vec<Moment> {
        self.0.borrow().iter().map(|occurrence| occurrence.what.moment()).collect()
    }

    fn has(&self, moment: Moment) -> bool {
        self.moments().contains(&moment)
    }

    fn handle(&self) -> SessionHandle {
        self.0.borrow().iter().find_map(|o| o.session.clone()).expect("a session was told of")
    }
}

/// Answers by a plain function.
struct Judge(Box<dyn Fn(&Occurrence) -> Verdict>);

impl Actor for Judge {
    type Context = Context<Self>;
}

impl Handler<Question> for Judge {
    type Result = Verdict;

    fn handle(&mut self, Question(occurrence): Question, _: &mut Context<Self>) -> Verdict {
        (self.0)(&occurrence)
    }
}

fn judge(verdict: impl Fn(&Occurrence) -> Verdict + 'static) -> Decider {
    let recipient = Judge(Box::new(verdict)).start().recipient();
    Decider::new(recipient, Duration::from_secs(10), Verdict::Proceed)
}

fn refuse() -> Verdict {
    Verdict::Refuse("not today".to_owned())
}

async fn observed(listener: &str) -> (Rig, Notebook) {
    let notebook = Notebook::default();
    let observer = Observer(notebook.clone()).start().recipient();
    (Rig::extended(listener, "", "", |builder| builder.observe(observer)).await, notebook)
}

#[actix_rt::test]
async fn an_observer_is_told_of_every_moment_in_order() {
    let (rig, notebook) = observed("").await;
    let mut device = rig.online("watched").await;
    device.write(b"hello").await;
    rig.sees(|report| report.data == 1).await;
    device.finish().await;
    until("the end is told", || notebook.has(Moment::Closed)).await;
    use Moment::*;
    let expected = [Listening, Connected, Online, Data, PeerFinished, Offline, Closed];
    assert_eq!(notebook.moments(), expected);
    let last = notebook.0.borrow().last().cloned().unwrap();
    let closed =
        Happened::Closed { reason: CloseReason::PeerClosed, received_bytes: 20, sent_bytes: 0 };
    assert_eq!(last.what, closed);
    assert_eq!(last.name.map(|name| name.to_string()).as_deref(), Some("watched"));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_handle_writes_half_closes_closes_and_resets() {
    let (rig, notebook) = observed("").await;
    let mut device = rig.online("a1").await;
    let handle = notebook.handle();
    handle.write("greetings").await.unwrap();
    assert_eq!(device.read(9).await, b"greetings");
    handle.finish().await.unwrap();
    assert_eq!(device.rest().await.unwrap(), b"", "a FIN, and the other direction stays open");
    assert_eq!(handle.write("late").await, Err(Refused::Gone));
    device.write(b"still talking").await;
    rig.sees(|report| report.name("a1").bytes == 13).await;
    handle.close().await.unwrap();
    rig.sees(|report| report.reasons.get("kicked") == Some(&1)).await;
    assert_eq!(handle.write("gone").await, Err(Refused::Gone));

    let mut device = rig.online("a2").await;
    let handle = notebook.0.borrow().iter().rev().find_map(|o| o.session.clone()).unwrap();
    handle.end("bye").await.unwrap();
    assert_eq!(device.rest().await.unwrap(), b"bye");
    device.finish().await;
    rig.sees(|report| report.reasons.get("kicked") == Some(&2)).await;

    let mut device = rig.online("a3").await;
    let handle = notebook.0.borrow().iter().rev().find_map(|o| o.session.clone()).unwrap();
    handle.reset().await.unwrap();
    assert!(device.rest().await.is_err(), "a reset");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_session_that_lingers_with_its_last_words_makes_way_for_the_same_device() {
    let (rig, notebook) = observed("farewell = '1h'").await;
    let mut old = rig.online("hasty").await;
    notebook.handle().end("bye").await.unwrap();
    assert_eq!(old.read(3).await, b"bye");
    let mut new = rig.connect().await;
    new.write(b"ETUNG:hasty\r\nback again").await;
    rig.sees(|report| report.name("hasty").messages == 1).await;
    assert_eq!(rig.gateway.counts().threads_stuck.get(), 0);
    assert_eq!(rig.events("offline")[0]["reason"], "kicked", "the first reason counts");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_half_open_session_ends_when_both_sides_have_finished_or_the_device_is_gone() {
    let notebook = Notebook::default();
    let observer = Observer(notebook.clone()).start().recipient();
    let rig = Rig::extended("", "", "", |builder| {
        builder.observe(observer).decide(Moment::PeerFinished, judge(|_| refuse()))
    })
    .await;
    let mut device = rig.online("quiet").await;
    device.finish().await;
    until("the FIN is told", || notebook.has(Moment::PeerFinished)).await;
    notebook.handle().finish().await.unwrap();
    rig.sees(|report| report.reasons.get("peer_closed") == Some(&1)).await;

    let mut device = rig.online("gone").await;
    device.finish().await;
    let finished = |o: &Occurrence| o.what == Happened::PeerFinished;
    until("the FIN is told", || notebook.0.borrow().iter().filter(|o| finished(o)).count() == 2)
        .await;
    device.reset();
    rig.sees(|report| report.reasons.get("reset") == Some(&1)).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_does_not_read_is_refused_bytes_and_there_is_word_of_room() {
    let (rig, notebook) = observed("outbound_limit = '64KiB'").await;
    let mut device = rig.online("slow").await;
    let handle = notebook.handle();
    let chunk = vec![b'x'; 16 << 10];
    let mut queued = 0;
    while handle.try_write(chunk.clone()).await.is_ok() {
        queued += chunk.len();
        assert!(queued < 64 << 20);
    }
    assert_eq!(handle.try_write(chunk.clone()).await, Err(Refused::Full));
    assert!(!notebook.has(Moment::Writable));
    let left = || rig.gateway.counts().queues.outbound_bytes.get();
    assert!((1..=64 << 10).contains(&left()), "{} bytes are not taken", left());
    device.read(queued).await;
    until("there is word of room", || notebook.has(Moment::Writable)).await;
    assert_eq!(left(), 0);
    handle.try_write("again").await.unwrap();
    assert_eq!(device.read(5).await, b"again");

    while handle.write(chunk.clone()).await.is_ok() {}
    rig.sees(|report| report.reasons.get("slow_reader") == Some(&1)).await;
    assert_eq!(left(), 0, "nobody waits for who is gone");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_decider_keeps_connections_names_and_data_out() {
    let by_name = |occurrence: &Occurrence| match occurrence.name.as_ref().map(|n| n.as_str()) {
        Some("evil") => refuse(),
        _ => Verdict::Proceed,
    };
    let by_data = |occurrence: &Occurrence| match &occurrence.what {
        Happened::Data(bytes) if bytes.starts_with(b"junk") => refuse(),
        _ => Verdict::Proceed,
    };
    let rig = Rig::extended("", "", "", |builder| {
        builder.decide(Moment::Online, judge(by_name)).decide(Moment::Data, judge(by_data))
    })
    .await;
    let mut evil = rig.connect().await;
    evil.write(b"ETUNG:evil\r\nhello").await;
    evil.ended().await;
    let mut good = rig.online("good").await;
    for words in [&b"one"[..], b"junk", b"two"] {
        let counts = &rig.gateway.counts().filtered_bytes;
        let judged = || rig.totals("good").bytes + counts.sum();
        let before = judged();
        good.write(words).await;
        until("it was judged", || judged() == before + words.len() as u64).await;
    }
    rig.sees(|report| report.name("good").bytes == 6).await;
    assert_eq!(rig.events("data").len(), 2);
    let report = rig.stop().await;
    assert_eq!(report.name("evil").sessions, 0, "it was never online");

    let rig =
        Rig::extended("", "", "", |builder| builder.decide(Moment::Connected, judge(|_| refuse())))
            .await;
    rig.connect().await.ended().await;
    until("it is counted", || rig.gateway.counts().ended.get(CloseReason::Denied) == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn nothing_is_read_before_a_decider_has_answered_and_it_may_greet_first() {
    let (say, said) = oneshot::channel::<()>();
    let said = Mutex::new(Some(said));

    struct Greeter(Mutex<Option<oneshot::Receiver<()>>>);
    impl Actor for Greeter {
        type Context = Context<Self>;
    }
    impl Handler<Question> for Greeter {
        type Result = ResponseFuture<Verdict>;
        fn handle(
            &mut self,
            Question(occurrence): Question,
            _: &mut Context<Self>,
        ) -> Self::Result {
            let said = self.0.lock().unwrap().take();
            Box::pin(async move {
                let session = occurrence.session.unwrap();
                session.write("welcome").await.unwrap();
                if let Some(said) = said {
                    let _ = said.await;
                }
                Verdict::Proceed
            })
        }
    }
    let greeter = Greeter(said).start().recipient();
    let rig =
        Rig::extended("", "", "", |builder| builder.decide_leniently(Moment::Connected, greeter))
            .await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:patient\r\nhello").await;
    assert_eq!(device.read(7).await, b"welcome");
    assert!(rig.gateway.names().is_empty(), "not a byte was read");
    say.send(()).unwrap();
    rig.sees(|report| report.name("patient").messages == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_refused_end_keeps_a_session_half_open_until_it_is_closed() {
    let notebook = Notebook::default();
    let observer = Observer(notebook.clone()).start().recipient();
    let rig = Rig::extended("", "", "", |builder| {
        builder.observe(observer).decide(Moment::PeerFinished, judge(|_| refuse()))
    })
    .await;
    let mut device = rig.online("half").await;
    device.finish().await;
    until("the FIN is told", || notebook.has(Moment::PeerFinished)).await;
    let handle = notebook.handle();
    handle.write("answer behind your end").await.unwrap();
    assert_eq!(device.read(22).await, b"answer behind your end");
    handle.close().await.unwrap();
    rig.sees(|report| report.offline == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn what_is_queued_when_a_device_finishes_still_reaches_it() {
    let (rig, notebook) = observed("outbound_limit = '1MiB'").await;
    let mut device = rig.online("half").await;
    let answer = vec![b'y'; 900_000];
    notebook.handle().write(answer.clone()).await.unwrap();
    device.finish().await;
    assert_eq!(device.rest().await.unwrap(), answer);
    rig.sees(|report| report.reasons.get("peer_closed") == Some(&1)).await;
    assert_eq!(rig.events("offline")[0]["sent_bytes"], 900_000);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_silent_or_crashing_decider_is_replaced_by_the_answer_given_beforehand() {
    let crash = judge(|_| panic!("a fault in the user's code"));
    let rig = Rig::extended("", "", "", |b| b.decide(Moment::Online, crash)).await;
    rig.online("first").await;
    rig.online("second").await;
    assert_eq!(rig.gateway.counts().deciders_silent.get(), 2);
    rig.stop().await;
}

#[actix_rt::test]
async fn an_observer_that_does_not_keep_up_misses_batches_and_holds_nothing_up() {
    struct Asleep;
    impl Actor for Asleep {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.wait(std::future::pending::<()>().into_actor(self));
        }
    }
    impl Handler<Observed> for Asleep {
        type Result = ();
        fn handle(&mut self, _: Observed, _: &mut Context<Self>) {}
    }
    let observer = Asleep.start().recipient();
    let rig = Rig::extended("", "", "", |builder| builder.observe(observer)).await;
    let mut device = rig.online("busy").await;
    for sent in 1..=100 {
        device.write(b"x").await;
        rig.sees(|report| report.name("busy").bytes >= sent).await;
    }
    assert!(rig.gateway.counts().observer_missed.get() > 0);
    rig.stop().await;
}
