//! The contract's lines, written one behind the other into what is on its way to the web server.

use std::time::SystemTime;

use base64_simd::STANDARD as BASE64;

use super::clock::Clock;

/// More than a line takes apart from a device's bytes.
const LINE: usize = 320;

/// Who sends, as its events have it: made once, when it is named.
pub struct Sender {
    /// `,"imei":"…","session":"…"`
    pub who: Box<[u8]>,
    /// `,"peer":"…"`
    pub peer: Box<[u8]>,
}

/// What waits for the web server, and what the next line needs.
pub struct Lines {
    out: Vec<u8>,
    next: u64,
    clock: Clock,
}

impl Lines {
    /// Begins to count where no earlier run has been: at the time in microseconds.
    pub fn new(clock: Clock) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { out: Vec::new(), next: now.as_micros() as u64, clock }
    }

    /// What has been written and not yet taken away.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// What is written from now on bears the time that it is now.
    pub fn renew_time(&mut self) {
        self.clock.renew();
    }

    /// The link's first line.
    pub fn hello(&mut self) {
        self.put(br#"{"hello":"tetherd","protocol":1,"gateway":"floor","spool":"none","next":"#);
        self.number(self.next);
        self.put(b"}\n");
    }

    /// A device has been named.
    pub fn online(&mut self, sender: &Sender, connections: usize) {
        self.head(br#","event":"online""#, sender);
        self.put_time();
        self.put(&sender.peer);
        self.put(br#","connections":"#);
        self.number(connections as u64);
        self.put(b"}\n");
    }

    /// One message of a device, its `seq`th.
    pub fn data(&mut self, sender: &Sender, seq: u64, connections: usize, data: &[u8]) {
        self.out.reserve(LINE + data.len().div_ceil(3) * 4);
        self.head(br#","event":"data""#, sender);
        self.put(br#","seq":"#);
        self.number(seq);
        self.put_time();
        self.put(&sender.peer);
        self.put(br#","connections":"#);
        self.number(connections as u64);
        self.put(br#","data":""#);
        BASE64.encode_append(data, &mut self.out);
        self.put(b"\"}\n");
    }

    /// A device that was named has gone; `connections` are left.
    pub fn offline(&mut self, sender: &Sender, reason: &str, received: u64, connections: usize) {
        self.head(br#","event":"offline""#, sender);
        self.put_time();
        self.put(br#","reason":""#);
        self.put(reason.as_bytes());
        self.put(br#"","received_bytes":"#);
        self.number(received);
        self.put(br#","sent_bytes":0,"connections":"#);
        self.number(connections as u64);
        self.put(b"}\n");
    }

    fn head(&mut self, event: &[u8], sender: &Sender) {
        self.put(br#"{"offset":"#);
        self.number(self.next);
        self.next += 1;
        self.put(event);
        self.put(&sender.who);
    }

    fn put_time(&mut self) {
        self.out.extend_from_slice(self.clock.text());
    }

    #[inline(always)] // most of what is put is a constant of a few bytes
    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}
