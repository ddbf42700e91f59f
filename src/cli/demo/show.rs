use std::{
    pin::pin,
    time::{Duration, Instant},
};

use tokio::time::{interval, sleep, timeout};

use super::{
    DemoArgs, DemoFault,
    allowance::Allowance,
    house::{self, Devices, Web},
    screen::{Screen, Tone},
    story::Story,
    timing::Timing,
};
use crate::{
    app::{
        Gateway,
        process::{Asked, Signals},
    },
    simulator::Target,
    spool::Ledger,
};

/// How often the web server is asked what it was told.
const LOOK: Duration = Duration::from_millis(100);
/// How often the ledger is shown.
const SUM: Duration = Duration::from_secs(5);
/// Lines a second for the simulated devices.
const LINES: u32 = 12;
/// Lines a second for those who join in.
const GUEST_LINES: u32 = 6;
/// How long the web server may take to catch up before the demo goes on telling of other things.
const CATCH_UP: Duration = Duration::from_secs(5);

/// A demo that runs.
pub(super) struct Show {
    args: DemoArgs,
    gateway: Gateway,
    web: Web,
    devices: Devices,
    board: Board,
}

/// What is shown.
struct Board {
    screen: Screen,
    ours: u32,
    fleet: Allowance,
    guests: Allowance,
    /// The last event shown; what is repeated behind an outage is not shown again.
    last: u64,
}

/// Why a demo ends.
enum End {
    Asked,
    Failed(String),
}

impl Show {
    /// Starts everything and says how to join in.
    pub async fn open(args: &DemoArgs, screen: Screen) -> Result<Self, DemoFault> {
        let web = Web::open().await?;
        let gateway = house::gateway(web.address()).await?;
        let address = gateway.listener_address("dtu").unwrap_or_default().to_owned();
        let now = Instant::now();
        let board = Board {
            screen,
            ours: args.devices,
            fleet: Allowance::new(LINES, now),
            guests: Allowance::new(GUEST_LINES, now),
            last: 0,
        };
        board.greet(&address, gateway.admin_address().unwrap_or_default(), args.devices);
        let target = address.parse().unwrap_or(Target::Tcp { host: address, port: 0 });
        let devices = Devices::start(target, args);
        Ok(Self { args: args.clone(), gateway, web, devices, board })
    }

    /// Plays to the end and shows the final ledger.
    pub async fn play(mut self, mut signals: Signals) -> Result<(), DemoFault> {
        let ended = self.run(&mut signals).await?;
        let Self { gateway, mut web, devices, mut board, .. } = self;
        web.come_back().await?;
        board.say(Tone::News, "stopping: devices are let go of, what waits is delivered");
        let ledger = gateway.follow_ledger("web");
        let hurry = gateway.hurry();
        {
            let mut stopped = pin!(gateway.stop());
            let mut look = interval(LOOK);
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    (_, asked) = signals.next() => if asked == Asked::Stop { hurry.up() },
                    _ = look.tick() => board.show_events(&web),
                }
            }
        }
        devices.stop().await;
        web.go_away().await;
        board.show_events(&web);
        board.show_end(ledger.map(|ledger| ledger()).unwrap_or_default(), &web);
        board.screen.close().await.map_err(DemoFault::Write)?;
        match ended {
            End::Asked => Ok(()),
            End::Failed(what) => Err(DemoFault::Failed(what)),
        }
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<End, DemoFault> {
        let duration = self.args.duration.map(crate::units::Span::get);
        let timing = Timing::of(duration, !self.args.no_outage);
        let mut over = pin!(rest(duration));
        let mut turn = pin!(rest(timing.first));
        let (mut look, mut sum) = (interval(LOOK), interval(SUM));
        sum.reset();
        loop {
            tokio::select! {
                () = &mut over => return Ok(End::Asked),
                () = self.board.screen.gone() => return Ok(End::Asked),
                (_, asked) = signals.next() => if asked == Asked::Stop { return Ok(End::Asked) },
                what = self.gateway.failed() => return Ok(End::Failed(what)),
                _ = look.tick() => self.board.show_events(&self.web),
                _ = sum.tick() => self.board.show_sum(&self.gateway, &self.web),
                () = &mut turn => {
                    let pause = self.turn(&timing).await?;
                    turn.set(rest(Some(pause)));
                }
            }
        }
    }

    /// The web server goes away, or comes back; answers how long it stays so.
    async fn turn(&mut self, timing: &Timing) -> Result<Duration, DemoFault> {
        if self.web.is_away() {
            self.return_web_server().await?;
            return Ok(timing.between);
        }
        let seconds = timing.length.as_secs_f32();
        let text = format!("the web server goes away for {seconds} s; devices notice nothing");
        self.web.go_away().await;
        self.board.show_events(&self.web);
        self.board.say(Tone::News, &text);
        Ok(timing.length)
    }

    /// The web server comes back, and gets what has waited.
    async fn return_web_server(&mut self) -> Result<(), DemoFault> {
        let Some(ledger) = self.gateway.follow_ledger("web") else { return Ok(()) };
        self.board.show_sum(&self.gateway, &self.web);
        let before = ledger();
        self.web.come_back().await?;
        self.board.say(Tone::News, "the web server comes back");
        let caught_up = async {
            while ledger().delivered + ledger().dropped < before.received {
                sleep(LOOK / 10).await;
                self.board.show_events(&self.web);
            }
        };
        let in_time = timeout(CATCH_UP, caught_up).await.is_ok();
        let lost = ledger().dropped.saturating_sub(before.dropped);
        let text = match (in_time, lost) {
            (true, 0) => format!("{} lines caught up, nothing lost", before.waiting),
            (true, lost) => format!("{} lines caught up, {lost} lost", before.waiting - lost),
            (false, _) => format!("still catching up with {} lines", ledger().waiting),
        };
        self.board.say(Tone::News, &text);
        Ok(())
    }
}

impl Board {
    fn greet(&self, address: &str, admin: &str, devices: u32) {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        for line in [
            format!(
                "tetherd demo: a gateway, {devices} simulated devices and a web server, all in this process"
            ),
            String::new(),
            format!("  look at it          http://{admin}/    in a browser"),
            format!("  devices connect to  {address}"),
            format!("  join in             nc {host} {port}"),
            "                      ETUNG:me    and enter: that is your name".to_owned(),
            "                      hello       and enter: any line, it arrives below".to_owned(),
            "  end                 Ctrl-C".to_owned(),
            String::new(),
            "What the web server is told, in UTC:".to_owned(),
        ] {
            self.screen.line(Tone::Plain, &line);
        }
    }

    fn say(&self, tone: Tone, text: &str) {
        self.screen.line(tone, &format!("*** {text}"));
    }

    /// Shows what the web server was told since the last look.
    fn show_events(&mut self, web: &Web) {
        let now = Instant::now();
        for line in web.memory().take_lines() {
            let Some(story) = Story::of(&line, self.ours) else { continue };
            if story.offset <= self.last {
                continue;
            }
            self.last = story.offset;
            let allowance = if story.is_of_guest() { &mut self.guests } else { &mut self.fleet };
            if allowance.take(now) {
                self.screen.line(story.tone, &story.text);
            }
        }
    }

    fn show_sum(&mut self, gateway: &Gateway, web: &Web) {
        let ledger = gateway.ledger("web").unwrap_or_default();
        let snapshot = gateway.snapshot();
        let hidden =
            self.fleet.take_hidden() + self.guests.take_hidden() + self.screen.take_missed();
        let hidden = match hidden {
            0 => String::new(),
            hidden => format!(", {hidden} more lines not shown"),
        };
        let away = if web.is_away() { ", web server away" } else { "" };
        let (connections, names) = (snapshot.connections, snapshot.names);
        let text = format!(
            "=== ledger: {}; {connections} connections, {names} named{away}{hidden}",
            equation(&ledger)
        );
        self.screen.line(Tone::Sum, &text);
    }

    fn show_end(&self, ledger: Ledger, web: &Web) {
        let (online, data, offline, broken) = web
            .memory()
            .look(|report| (report.online, report.data, report.offline, report.violations));
        self.screen.line(Tone::Sum, &format!("=== final ledger: {}", equation(&ledger)));
        self.screen.line(
            Tone::Sum,
            &format!(
                "=== the web server was told: {online} online, {data} data, {offline} offline; \
                 {broken} promises broken"
            ),
        );
    }
}

fn equation(ledger: &Ledger) -> String {
    let Ledger { received, delivered, waiting, dropped } = ledger;
    format!("received {received} = delivered {delivered} + waiting {waiting} + dropped {dropped}")
}

/// For ever, if there is no end.
async fn rest(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
