//! The floor: what reading devices and telling a web server costs when nothing else is done. One
//! thread and one epoll loop read lines of devices, write the contract's line for each straight into
//! one buffer, hand that to the web server with one write a turn, and read acknowledgements. Nothing
//! is supervised, limited, timed or stored, and nothing is sent twice: when the link to the web
//! server breaks, it ends. A device that sends anything but a registration first is hung up on; a
//! line that is not whole when its device leaves is lost.

mod clock;
mod device;
mod devices;
mod lines;
mod web;

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token, event::Event};

use self::{clock::Clock, devices::Devices, lines::Lines, web::Web};

/// Most events that one turn of the loop takes.
const EVENTS: usize = 1024;

/// Devices that wait to connect: what tetherd has by default.
const BACKLOG: i32 = 4096;

// No device ever has these keys.
const LISTENER: Token = Token(usize::MAX - 1);
const WEB: Token = Token(usize::MAX - 2);

/// Connects to the web server at `web`, says `listening 127.0.0.1:PORT` on standard output, and
/// serves until the web server leaves.
///
/// # Errors
/// The web server cannot be reached or has left, or the system refuses a socket.
pub fn run(web: &str) -> Result<()> {
    let mut floor = Floor::start(web)?;
    writeln!(io::stdout(), "listening {}", floor.devices.address()?)?;
    let mut events = Events::with_capacity(EVENTS);
    loop {
        floor.turn(&mut events)?;
    }
}

struct Floor {
    poll: Poll,
    web: Web,
    devices: Devices,
    lines: Lines,
}

impl Floor {
    fn start(web: &str) -> Result<Self> {
        let poll = Poll::new()?;
        let mut web = Web::dial(web)?;
        let mut devices = Devices::listen(SocketAddr::from(([127, 0, 0, 1], 0)), BACKLOG)?;
        let mut lines = Lines::new(Clock::now());
        lines.hello();
        poll.registry().register(web.source(), WEB, Interest::READABLE | Interest::WRITABLE)?;
        poll.registry().register(devices.listener(), LISTENER, Interest::READABLE)?;
        web.write(lines.out())?;
        Ok(Self { poll, web, devices, lines })
    }

    /// One turn: what was left over from turns before, what the kernel has for us, and one write.
    fn turn(&mut self, events: &mut Events) -> Result<()> {
        let left = if self.web.is_behind(self.lines.out()) { 0 } else { self.devices.left() };
        match self.poll.poll(events, (left > 0).then_some(Duration::ZERO)) {
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        self.lines.renew_time();
        for _ in 0..left {
            if let Some(key) = self.devices.next_left() {
                self.read(key)?;
            }
        }
        for event in events.iter() {
            self.happened(event)?;
        }
        self.web.write(self.lines.out())
    }

    fn happened(&mut self, event: &Event) -> Result<()> {
        match event.token() {
            WEB => self.heard_from_web(event),
            LISTENER => Ok(self.devices.accept(self.poll.registry())?),
            Token(key) => {
                let hung_up = event.is_read_closed() || event.is_error();
                if !self.devices.happened(key, hung_up) {
                    return Ok(());
                }
                self.read(key)
            }
        }
    }

    fn heard_from_web(&mut self, event: &Event) -> Result<()> {
        if event.is_writable() {
            self.web.writable();
        }
        if event.is_readable() {
            self.web.read_acknowledgements()?;
        }
        Ok(())
    }

    /// Reads a device once, unless the web server is behind: then it waits for a later turn.
    fn read(&mut self, key: usize) -> Result<()> {
        if self.lines.out().len() >= web::WRITE {
            self.web.write(self.lines.out())?;
            self.lines.renew_time();
        }
        if self.web.is_behind(self.lines.out()) {
            self.devices.leave(key);
        } else {
            self.devices.read(key, &mut self.lines);
        }
        Ok(())
    }
}
